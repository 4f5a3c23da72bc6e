"""Pure functions on language, with no input or output: sentences, terms, numerals, questions, statements, claims."""
