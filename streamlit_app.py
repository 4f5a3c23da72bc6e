"""The page: `streamlit run streamlit_app.py`. All of it is in minicpm_rag/page."""

from minicpm_rag.page.app import show

show()
