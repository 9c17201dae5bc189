"""A world of which it is known who came, to measure how often the decisions are right."""
