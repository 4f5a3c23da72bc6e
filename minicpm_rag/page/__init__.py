"""The page, one file a view: thin over the core."""
