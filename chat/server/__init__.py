"""What is connected: sockets, the page's files, health and metrics on one port.

The only importer of websockets.
"""
