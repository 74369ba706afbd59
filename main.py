"""The door: Dify over stdio, remote debugging over TCP, serverless over HTTP."""

# First import, always: the SDK patches the standard library for gevent while it is imported.
from dify_plugin import DifyPluginEnv, Plugin

# Only serverless deployments read MAX_REQUEST_TIMEOUT; elsewhere the daemon's own limit holds.
plugin = Plugin(DifyPluginEnv(MAX_REQUEST_TIMEOUT=600))

if __name__ == "__main__":
    plugin.run()
