"""Webhook subscriptions, the payloads they receive, and which URLs they may have."""
