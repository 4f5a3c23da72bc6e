"""Work that goes on while pages are redrawn: answers, jobs, downloads, switching the model."""
