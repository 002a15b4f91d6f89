"""Login at Airflow by an OpenID provider: what Airflow's FAB reads where the chart names this file to it.

MOLINO_OIDC is JSON: `issuer`, `clientId`, `scopes`, `usernameClaim`, `groupsClaim`, and `groups` by role;
MOLINO_OIDC_CLIENT_SECRET is the client's secret.
"""

import json
import os
from typing import Any

from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from airflow.providers.fab.auth_manager.views.auth_oauth import CustomAuthOAuthView
from flask_appbuilder.const import AUTH_OAUTH

OIDC: dict[str, Any] = json.loads(os.environ["MOLINO_OIDC"])
PROVIDER = "openid"


class OpenIDView(CustomAuthOAuthView):
    """Says to whom the provider knows, but no role is given, what is lacking: to try again helps nobody."""

    invalid_login_message = (
        "You aren't let in: either none of your groups has a role in Airflow, or your name isn't verified, or the "
        "provider couldn't be asked. Whoever runs Airflow can tell."
    )


class OpenIDSecurityManager(FabAirflowSecurityManagerOverride):
    """Takes name and groups from the claims of the values, and refuses who is in none of the groups."""

    authoauthview = OpenIDView

    def get_oauth_user_info(self, provider: str, resp: dict[str, Any]) -> dict[str, Any]:
        """Return who logs in.

        Args:
            provider: the only one that there is.
            resp: the provider's response; `userinfo` are the claims of the ID token, which Authlib has checked.
        """
        claims = dict(resp["userinfo"])
        if OIDC["groupsClaim"] not in claims:
            claims |= self.oauth_remotes[provider].userinfo(token=resp)
        verified = OIDC["usernameClaim"] != "email" or claims.get("email_verified", True) is True
        groups = claims.get(OIDC["groupsClaim"], [])
        return {
            "username": claims.get(OIDC["usernameClaim"], "") if verified else "",
            "first_name": claims.get("given_name", ""),
            "last_name": claims.get("family_name", ""),
            "email": claims.get("email", ""),
            "role_keys": [groups] if isinstance(groups, str) else groups,
        }

    def auth_user_oauth(self, userinfo: dict[str, Any], rotate_session_id: bool = True) -> Any:
        """Return the user with the roles of their groups, made where there is none yet; nobody without a role."""
        if not self._oauth_calculate_user_roles(userinfo):
            return None
        return super().auth_user_oauth(userinfo, rotate_session_id)

    def _oauth_calculate_user_roles(self, userinfo: dict[str, Any]) -> list[Any]:
        return list(self.get_roles_from_keys(userinfo["role_keys"]))


def roles_by_group(groups_by_role: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the roles of each group, as FAB takes them."""
    found: dict[str, list[str]] = {}
    for role, groups in groups_by_role.items():
        for group in groups:
            found.setdefault(group, []).append(role)
    return found


AUTH_TYPE = AUTH_OAUTH
SECURITY_MANAGER_CLASS = OpenIDSecurityManager
AUTH_USER_REGISTRATION = True
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_ROLES_MAPPING = roles_by_group(OIDC["groups"])
OAUTH_PROVIDERS = [
    {
        "name": PROVIDER,
        "icon": "fa-key",
        "token_key": "access_token",
        "remote_app": {
            "client_id": OIDC["clientId"],
            "client_secret": os.environ["MOLINO_OIDC_CLIENT_SECRET"],
            "server_metadata_url": f"{OIDC['issuer'].rstrip('/')}/.well-known/openid-configuration",
            "client_kwargs": {"scope": OIDC["scopes"], "code_challenge_method": "S256"},
        },
    }
]
