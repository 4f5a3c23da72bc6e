"""What is drawn as HTML of our own: markup that nothing can escape, passages, the style sheet, the script."""
