"""Every text of the page, in Chinese and English: one file for each part of the page."""
