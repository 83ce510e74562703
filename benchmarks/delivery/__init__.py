"""What a page of a hundred objects with five variants each costs to deliver."""
