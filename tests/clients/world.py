"""The server under test, as tests/clients/run wrote it down, and what every script asks of the SDKs."""

import importlib
import json
import logging
import os
import re
import unittest
from pathlib import Path

from azure.identity.aio import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration

# How long a step took on a busy machine says nothing.
logging.getLogger("asyncio").setLevel(logging.ERROR)

WORLD = json.loads(Path(os.environ["MOAT_CLIENTS_WORLD"]).read_text())
BASE = WORLD["base"]
CA = WORLD["ca"]
TENANT = WORLD["tenant"]
#: By name: anna's phone is well, bert's is jailbroken and met a blocked site, carl's never checked in.
DEVICES = WORLD["devices"]
USERS = WORLD["users"]


def credential(client, kind=ClientSecretCredential, secret=None):
    """A credential of azure-identity for one of the clients that the server knows."""
    known = WORLD["clients"][client]
    return kind(
        TENANT,
        known["client_id"],
        secret or known["client_secret"],
        authority=BASE,
        disable_instance_discovery=True,
        connection_verify=CA,
    )


class Models:
    """The classes in a package of an SDK, where each has a module of its own: `models.DeviceEvidence`."""

    def __init__(self, package):
        self.package = package

    def __getattr__(self, name):
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        return getattr(importlib.import_module(f"{self.package}.{module}"), name)


def query(builder, **options):
    """The configuration of a GET with these query options; `builder` is one of an SDK's request builders."""
    kinds = vars(type(builder)).items()
    kind = next(kind for name, kind in kinds if name.endswith("GetQueryParameters"))
    return RequestConfiguration(query_parameters=kind(**options))


class Case(unittest.IsolatedAsyncioTestCase):
    """A test with an SDK whose calls go to the server."""

    #: Client class of the SDK, its error class, and the version that it speaks.
    sdk = None
    error = None
    version = None
    client = "administrator"

    async def asyncSetUp(self):
        self.graph = self.signed_in(self.client)

    def signed_in(self, client, kind=ClientSecretCredential):
        """The SDK with the rights of a client."""
        credentials = credential(client, kind)
        closing = credentials.close
        if kind is ClientSecretCredential:
            self.addAsyncCleanup(closing)
        else:
            self.addCleanup(closing)
        graph = self.sdk(credentials=credentials, scopes=[f"{BASE}/.default"])
        graph.request_adapter.base_url = f"{BASE}/{self.version}"
        return graph

    async def refused(self, status, code, call):
        """The error that a call must end in."""
        with self.assertRaises(self.error) as caught:
            await call
        error = caught.exception
        self.assertEqual((error.response_status_code, error.error.code), (status, code), error.error.message)
        self.assertTrue(error.error.inner_error.request_id and error.error.inner_error.date)
        return error.error.message
