"""The API: the workspace for other programs, over HTTP (OpenAI-compatible and REST) and MCP.

server                the HTTP application with its walls, and running it
openai_routes, rest   what is asked of it: chat completions; knowledge bases, documents, jobs, search, answers
answering             a question handed to the chain, as events for one client
links, problems, limits   links that open a passage; errors in the caller's language; limits on size and rate
mcp_server            the same tools for MCP clients
"""
