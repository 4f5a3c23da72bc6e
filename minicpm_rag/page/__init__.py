"""The page: a Streamlit app over the core.

app                   one run of the page: style sheet, sidebar, the chosen view
views/                what a user sees: a module for each view, and for each part of a view
background/           what goes on between runs: answers, jobs, downloads, changing the model
state, shared         what one browser session remembers, and what all sessions share
language, texts/      the session's language, and every text of the page in Chinese and English
sources, examples     which words of which page an answer quotes; example questions for the first screen
html/                 markup that nothing can act through, style sheets, the script in the browser
server, door, script  the web server and who may talk to it; what Streamlit runs
streamlit_private     all that the page takes from Streamlit beyond its documented interface
"""
