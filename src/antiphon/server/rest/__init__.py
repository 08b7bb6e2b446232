"""The REST half of the Voice Agent API: tokens, stored agents, sessions, voices and webhooks, under `/v1`."""
