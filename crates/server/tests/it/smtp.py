"""A mail server for tests: STARTTLS and AUTH are required, messages are kept in a folder.

Usage: smtp.py PORT FOLDER CERTIFICATE KEY USER PASSWORD_FILE SECONDS
Prints the port once it listens. Each message becomes FOLDER/N.json, parsed by Python's email package; the client gets its
answer SECONDS later. Recipients at refused.example do not exist.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

port, folder, certificate, key, user, password_file, seconds = sys.argv[1:]
with open(password_file) as file:
    password = file.read().strip()


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.endswith("@refused.example"):
            return "550 5.1.1 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: message.get_body((kind,)).get_content().replace("\r\n", "\n")
        kept = {
            "from": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode(),
            "headers": {name: str(value) for name, value in message.items()},
            "text": part("plain"),
            "html": part("html"),
        }
        name = os.path.join(folder, f"{len(os.listdir(folder))}.json")
        with open(name + ".tmp", "w") as file:
            json.dump(kept, file)
        os.rename(name + ".tmp", name)
        await asyncio.sleep(float(seconds))
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = LoginPassword(user.encode(), password.encode())
    session.auth_data = data
    return AuthResult(success=isinstance(data, LoginPassword) and data == right, auth_data=data)


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()

    def session():
        return SMTP(
            Handler(),
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=authenticate,
            loop=loop,
        )

    server = await loop.create_server(session, "127.0.0.1", int(port))
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
