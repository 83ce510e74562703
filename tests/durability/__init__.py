"""Durability: nothing lost, nothing leaked, nothing stuck. Shown by breaking it, point by point."""
