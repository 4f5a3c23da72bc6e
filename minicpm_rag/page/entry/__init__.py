"""The script that Streamlit runs, in a folder of its own: Streamlit may put the folder on the path of modules."""
