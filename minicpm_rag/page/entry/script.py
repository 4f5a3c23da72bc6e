"""What Streamlit runs for every session; the server around it is built by `page/server.py`."""

from minicpm_rag.page.app import show

show()
