"""How many rows a second the maintenance gets through, and what memory it takes for that."""
