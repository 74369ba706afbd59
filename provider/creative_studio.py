"""The credentials form's check."""

from __future__ import annotations

from typing import Any

from dify_plugin import ToolProvider
from dify_plugin.errors.tool import ToolProviderCredentialValidationError


class CreativeStudioProvider(ToolProvider):
    """Checks what is filled in, all at once; empty fields are fine."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        from creative import connections
        from creative.errors import CreativeError
        from creative.settings import Settings

        try:
            problems = connections.check(Settings.from_credentials(credentials))
        except CreativeError as error:
            raise ToolProviderCredentialValidationError(str(error)) from error
        if problems:
            raise ToolProviderCredentialValidationError("\n".join(map(str, problems)))
