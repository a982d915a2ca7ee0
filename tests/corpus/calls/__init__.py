"""Call correctness: every operation of real documents, called and held against its document."""
