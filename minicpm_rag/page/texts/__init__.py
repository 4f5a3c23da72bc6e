"""Every text of the page, in Chinese and English."""
