from dify_plugin import ToolProvider
from dify_plugin.errors.tool import ToolProviderCredentialValidationError


class ProbeProvider(ToolProvider):
    def _validate_credentials(self, credentials):
        if credentials.get("token") == "wrong":
            raise ToolProviderCredentialValidationError(
                "token: the server said no\nWhat to do: Get a new token."
            )
