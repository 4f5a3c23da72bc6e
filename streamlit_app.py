"""The page: `streamlit run streamlit_app.py`. All of it is in minicpm_rag/page."""

import streamlit as st

from minicpm_rag.page import server

app = st.App(server.SCRIPT, middleware=server.middleware())
