"""How people outside are called: a signed webhook, or whatever Apprise reaches. Nothing that was written goes out."""
