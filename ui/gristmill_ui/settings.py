"""How Streamlit is set up: quiet, local, without its own chrome. Set in code, not by a file in the cwd."""

from __future__ import annotations

from typing import Any

from gristmill_ui.access import LOOPBACK, Access

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', sans-serif"
_CODE_FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "full",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,
    "logger.level": "warning",
    "runner.magicEnabled": False,
    "runner.postScriptGC": False,  # it holds up all sessions for a tenth of a second after every press
    "server.allowedHosts": list(LOOPBACK),
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.runOnSave": False,
    "server.showEmailPrompt": False,
    "theme.font": _FONT,
    "theme.headingFont": _FONT,
    "theme.codeFont": _CODE_FONT,
    "theme.baseFontSize": 15,
    "theme.baseRadius": "6px",
    "theme.light.primaryColor": "#8a5a12",
    "theme.light.backgroundColor": "#fdfcfa",
    "theme.light.secondaryBackgroundColor": "#f3f0ea",
    "theme.light.textColor": "#1f2328",
    "theme.dark.primaryColor": "#a86a14",
    "theme.dark.backgroundColor": "#16181c",
    "theme.dark.secondaryBackgroundColor": "#20242a",
    "theme.dark.textColor": "#e6e3dc",
}


def apply(host: str, port: int, access: Access) -> None:
    """Set every option, over whatever configuration files or variables say."""
    from streamlit import config

    chosen = {**OPTIONS, "server.address": host, "server.port": port, "browser.serverAddress": host}
    chosen |= {"server.allowedHosts": access.hosts(host), "secrets.files": []}
    if access.way != "names":
        chosen |= {"client.showErrorDetails": "type", "server.corsAllowedOrigins": [access.url]}
    if access.secrets is not None:
        chosen["secrets.files"] = [str(access.secrets)]
    if access.header:
        chosen["server.trustedUserHeaders"] = {access.header: "said"}
    for name, value in chosen.items():
        config.set_option(name, value, where_defined="gristmill review")
