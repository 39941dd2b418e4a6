"""Several models judge with one scorer, and their votes are weighted by how often each of them was right."""
