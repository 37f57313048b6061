"""Tokens: msal, and azure-identity both blocking and asynchronous."""

import logging
import unittest

import jwt
import msal
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential as BlockingCredential
from azure.identity.aio import ClientSecretCredential

from world import BASE, CA, TENANT, WORLD, credential

# It warns of the failures that are meant.
logging.getLogger("azure.identity").setLevel(logging.ERROR)

KNOWN = WORLD["clients"]["reader"]
SCOPES = [f"{BASE}/.default"]


def application(secret=KNOWN["client_secret"], **authority):
    authority = authority or {"authority": f"{BASE}/{TENANT}", "instance_discovery": False}
    return msal.ConfidentialClientApplication(KNOWN["client_id"], client_credential=secret, verify=CA, **authority)


class Msal(unittest.TestCase):
    def test_a_token_is_kept_until_it_ends(self):
        asking = application()
        first, second = (asking.acquire_token_for_client(scopes=SCOPES) for _ in range(2))
        self.assertEqual((first["token_type"], first["token_source"]), ("Bearer", "identity_provider"))
        self.assertEqual((second["token_source"], second["access_token"]), ("cache", first["access_token"]))
        self.assertGreater(first["expires_in"], 3000)
        fresh = application().acquire_token_for_client(scopes=SCOPES)
        self.assertNotEqual(fresh["access_token"], first["access_token"])

    def test_the_authority_by_its_openid_configuration(self):
        asking = application(oidc_authority=f"{BASE}/{TENANT}/v2.0")
        answer = asking.acquire_token_for_client(scopes=SCOPES)
        self.assertEqual(answer.get("token_type"), "Bearer", answer)

    def test_the_token_is_signed_with_a_published_key(self):
        token = application().acquire_token_for_client(scopes=SCOPES)["access_token"]
        address = f"{BASE}/{TENANT}/v2.0/.well-known/openid-configuration"
        configuration = requests.get(address, verify=CA, timeout=10).json()
        keys = requests.get(configuration["jwks_uri"], verify=CA, timeout=10).json()["keys"]
        header = jwt.get_unverified_header(token)
        key = next(key for key in keys if key["kid"] == header["kid"])
        claims = jwt.decode(
            token, jwt.PyJWK(key).key, algorithms=[header["alg"]], audience=BASE, issuer=configuration["issuer"]
        )
        self.assertEqual(
            (claims["tid"], claims["appid"], claims["roles"]), (TENANT, KNOWN["client_id"], ["User.Read.All"])
        )

    def test_names_of_microsoft_mean_this_server(self):
        answer = application().acquire_token_for_client(scopes=["https://graph.microsoft.com/.default"])
        self.assertEqual(answer.get("token_type"), "Bearer", answer)

    def test_wrong_secrets_scopes_and_tenants(self):
        wrong = application(secret="wrong").acquire_token_for_client(scopes=SCOPES)
        self.assertEqual(wrong["error"], "invalid_client")
        self.assertIn("AADSTS7000215", wrong["error_description"])
        self.assertIn(7000215, wrong["error_codes"])
        other = application().acquire_token_for_client(scopes=["https://other.example/.default"])
        self.assertIn("AADSTS500011", other["error_description"])
        with self.assertRaisesRegex(ValueError, "authority configuration"):
            nowhere = application(authority=f"{BASE}/00000000-0000-4000-8000-000000000000", instance_discovery=False)
            nowhere.acquire_token_for_client(scopes=SCOPES)


class AzureIdentity(unittest.IsolatedAsyncioTestCase):
    def test_blocking(self):
        with credential("reader", BlockingCredential) as asking:
            first, second = (asking.get_token(*SCOPES) for _ in range(2))
        self.assertEqual(first.token, second.token)
        claims = jwt.decode(first.token, options={"verify_signature": False})
        self.assertEqual(claims["appid"], KNOWN["client_id"])
        with credential("reader", BlockingCredential, secret="wrong") as asking:
            with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215"):
                asking.get_token(*SCOPES)

    async def test_asynchronous(self):
        async with credential("reader", ClientSecretCredential) as asking:
            first, second = [await asking.get_token(*SCOPES) for _ in range(2)]
        self.assertEqual(first.token, second.token)
        async with credential("reader", ClientSecretCredential, secret="wrong") as asking:
            with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215"):
                await asking.get_token(*SCOPES)
