"""Connections to Cal.com and to SQL servers."""
