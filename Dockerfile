# The page, the API and MCP on a processor: `docker compose up`, or
#   docker build -t minicpm-rag . && docker run --rm -p 127.0.0.1:8501:8501 -v minicpm-rag:/data minicpm-rag
# Inside, the servers listen on 127.0.0.1 as everywhere; socat hands on what Docker sends to the container's ports.
FROM python:3.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY minicpm_rag ./minicpm_rag
COPY knowledge ./knowledge
# Name the index of torch's builds for processors (see PyTorch's "Get Started"); without it, CUDA's 3 GB come too.
ARG TORCH_INDEX=""
ARG EXTRAS=api
RUN python -m venv /opt/minicpm-rag \
    && PIP_EXTRA_INDEX_URL="$TORCH_INDEX" /opt/minicpm-rag/bin/pip install -c constraints.txt ".[$EXTRAS]"

FROM python:3.12-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends socat tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 reader \
    && install -d -o reader -g reader -m 700 /data
COPY --from=build /opt/minicpm-rag /opt/minicpm-rag
COPY --chmod=755 packaging/in-container /usr/local/bin/in-container
ENV PATH=/opt/minicpm-rag/bin:$PATH MINICPM_RAG_HOME=/data/library
USER 10001
WORKDIR /home/reader
VOLUME /data
EXPOSE 8501 8600
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["in-container", "healthy"]
ENTRYPOINT ["tini", "--", "in-container"]
CMD ["page"]
