#!/usr/bin/env python3
"""A stand-in for an app with work data: app protection through the Python binding, HTTP and files by Python itself.

It runs as one app of an enrolled device, with that device's certificate. Each command is one start of the app and prints
one line of JSON. Exit status: 0 it was done, 3 work data or the application is closed, 4 the server was not reached or refused,
2 wrong usage.
"""

import argparse
import datetime
import http.client
import json
import os
import pathlib
import ssl
import sys
import urllib.parse

CLOSED, NO_SERVER = 3, 4


def main():
    options = arguments()
    sys.path.insert(0, str(options.binding))
    app = App(options)
    try:
        said, status = getattr(app, options.command.replace("-", "_"))()
    finally:
        app.keep()
    print(json.dumps(said))
    return status


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--binding", type=pathlib.Path, required=True, help="folder with moat.py and its library, by demo/binding.sh")
    add("--device", type=pathlib.Path, required=True, help="data folder of the enrolled agent")
    add("--server-ca", type=pathlib.Path, help="the server's authority; default: ca.pem of the device")
    add("--bundle", default="org.example.mail", help="bundle id of the app")
    add("--folder", type=pathlib.Path, help="where the app keeps its files; default: apps/BUNDLE of the device")
    add("--app-version", default="1.0")
    add("--os-version", default="18.7.2")
    add("--jailbroken", metavar="SENTENCE", help="the app sees a jailbreak: what it saw")
    add("--pin", help="what the user types when a PIN is due")
    add("--now", type=datetime.datetime.fromisoformat, help="the device's clock, such as 2026-11-24T12:00:00+00:00")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check-in", help="ask the server for a lease")
    commands.add_parser("open", help="check in if the server is there, then decide")
    commands.add_parser("status", help="decide without the server")
    commands.add_parser("read", help="show the work data, without the server")
    commands.add_parser("write", help="replace the work data, without the server").add_argument("text")
    reach = commands.add_parser("reach", help="fetch a page of a corporate application, without the server")
    reach.add_argument("url")
    reach.add_argument("--ca", type=pathlib.Path, required=True, help="the application's authority")
    commands.add_parser("remove", help="remove the work account from the app")
    return parser.parse_args()


class App:
    def __init__(self, options):
        import moat

        self.moat, self.options = moat, options
        self.folder = options.folder or options.device / "apps" / options.bundle
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.device = self.pinned()
        self.state, self.data = self.folder / "state", self.folder / "mail"
        identity = moat.AppIdentity(
            device_id=self.device["deviceId"],
            bundle_id=options.bundle,
            app_version=options.app_version,
            sdk_version="1.0",
            os_version=options.os_version,
            device_model="iPhone15,3",
            device_tag=self.device["deviceId"],
        )
        kept = self.state.read_bytes() if self.state.exists() else None
        self.protection = moat.AppProtection.open(kept, identity, self.device["bundleKey"])
        if (options.device / "retired.json").exists():
            self.protection.wipe("The organisation has retired this device.", self.now())
            self.keep()
            self.data.unlink(missing_ok=True)

    def pinned(self):
        """Whose device this is, as it was at enrolment: an app knows it too when the device has left."""
        own, enrolled = self.folder / "device.json", self.options.device / "identity.json"
        if enrolled.exists():
            replace(own, enrolled.read_bytes())
        return json.loads(own.read_text())

    def check_in(self):
        request = self.protection.check_in_request(self.options.jailbroken is not None)
        try:
            reply = self.post(request)
            answer = self.protection.handle_reply(reply, self.now())
        except (OSError, http.client.HTTPException, self.moat.ReplyError) as error:
            return {"checkIn": "failed", "reason": str(error) or type(error).__name__}, NO_SERVER
        if answer.is_NO_LEASE():
            return {"checkIn": "noLease", "reason": answer.reason}, 0
        return {"checkIn": "lease", "validUntil": answer.valid_until.isoformat()}, 0

    def open(self):
        said, _ = self.check_in()
        launch, status = self.status()
        return {**said, **launch}, status

    def status(self):
        launch = self.launch()
        return told(launch), CLOSED if closed(self.moat, launch) else 0

    def read(self):
        launch = self.launch()
        if not self.data.exists():
            return {**told(launch), "data": None}, CLOSED if closed(self.moat, launch) else 0
        try:
            text = self.protection.unseal(self.data.read_bytes()).decode()
        except self.moat.StoreError as error:
            return {**told(launch), "refused": type(error).__name__, "reason": str(error)}, CLOSED
        return {**told(launch), "data": text}, 0

    def write(self):
        launch = self.launch()
        try:
            sealed = self.protection.seal(self.options.text.encode())
        except self.moat.StoreError as error:
            return {**told(launch), "refused": type(error).__name__, "reason": str(error)}, CLOSED
        # The key first: data that nobody can read would be no loss, but no use either.
        self.keep()
        replace(self.data, sealed)
        return {**told(launch), "written": len(sealed)}, 0

    def reach(self):
        """Shows the gateway which app this is, where it is open, and leaves the rest to the gateway."""
        launch, header = self.launch(), self.protection.access_header(self.now())
        headers = {header.name: header.value} if header else {}
        status, text = self.fetch(self.options.url, self.options.ca, headers=headers)
        said = {**told(launch), "shown": header is not None, "status": status, "body": text.decode(errors="replace")}
        return said, 0 if status == 200 else CLOSED

    def remove(self):
        removed = self.protection.wipe("The work account was removed from the app.", self.now())
        return {"removed": removed}, 0

    def launch(self):
        """Decides, after the user has shown what the policy asks for, if the command line has it."""
        launch = self.evaluate()
        pin, steps = self.options.pin, self.moat.PinStep
        if pin is not None and launch.pin == steps.NEW_PIN:
            self.protection.set_pin(pin, self.now())
        elif pin is not None and launch.pin != steps.NONE:
            self.protection.enter_pin(pin, self.now())
        else:
            return launch
        self.keep()
        return self.evaluate()

    def evaluate(self):
        seen = self.options.jailbroken
        local = self.moat.LocalState(
            jailbroken=seen is not None,
            evidence=[seen] if seen else [],
            device_has_passcode=True,
        )
        launch = self.protection.evaluate(self.now(), local)
        self.keep()
        return launch

    def post(self, body):
        authority = self.options.server_ca or self.options.device / "ca.pem"
        url = self.device["deviceUrl"].rstrip("/") + "/device/v1/apps/check-in"
        status, text = self.fetch(url, authority, "POST", body, {"content-type": "application/json"})
        if status != 200:
            raise http.client.HTTPException(f"{status}: {text[:300].decode(errors='replace')}")
        return text

    def fetch(self, url, authority, method="GET", body=None, headers=None):
        """Status and body, over TLS with the device's certificate."""
        url = urllib.parse.urlsplit(url)
        tls = ssl.create_default_context(cafile=authority)
        tls.load_cert_chain(self.options.device / "device.pem", self.options.device / "device.key")
        connection = http.client.HTTPSConnection(url.hostname, url.port or 443, timeout=10, context=tls)
        try:
            connection.request(method, url.path or "/", body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def keep(self):
        """A phone's app keeps this in the keychain; a stand-in has only a file."""
        replace(self.state, self.protection.state())

    def now(self):
        return self.options.now or datetime.datetime.now(datetime.timezone.utc)


def told(launch):
    said = {
        "action": name(launch.action),
        "pin": name(launch.pin),
        "signIn": launch.sign_in,
        "renew": launch.renew,
        "nextCheck": launch.next_check.isoformat(),
        "clockWentBack": launch.clock_went_back,
        "findings": [
            {
                "condition": name(finding.condition),
                "action": name(finding.action),
                "reason": finding.reason,
                "because": finding.because,
                "remedies": finding.remedies,
            }
            for finding in launch.findings
        ],
        "guide": launch.remediation and camel(type(launch.remediation).__name__.rpartition(".")[2]),
    }
    if launch.wiped:
        said["wiped"] = {"reason": launch.wiped.reason, "at": launch.wiped.at.isoformat()}
    return said


def closed(moat, launch):
    return launch.action not in (moat.LaunchAction.ALLOW, moat.LaunchAction.WARN)


def name(value):
    return camel(value.name)


def camel(words):
    """`RESET_PIN` as `resetPin`."""
    first, *rest = words.lower().split("_")
    return first + "".join(word.capitalize() for word in rest)


def replace(path, content):
    """Whole or not at all."""
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


if __name__ == "__main__":
    sys.exit(main())
