"""The page: a Streamlit app over the core. `app` draws it, `views` has one module for each view."""
