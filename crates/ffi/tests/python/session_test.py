"""Real calls into libmoat_ffi through the generated Python binding. `tests/it/binding.rs` runs this."""

import datetime
import json
import os
import pathlib
import threading
import unittest

import moat
from moat import (
    Action,
    Event,
    FileKind,
    JailbreakLevel,
    OrderAction,
    Outcome,
    Place,
    ProbeError,
    SeenIn,
    Session,
    SessionError,
    Severity,
)

BUNDLES = pathlib.Path(os.environ["MOAT_SIGNED"])
KEY = os.environ["MOAT_BUNDLE_KEY"]
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc)


def read(name):
    return (BUNDLES / f"{name}.bundle").read_bytes()


def first():
    return Session.open(read("first"), KEY)


def events(session):
    taken = []
    while (event := session.poll_event()) is not None:
        taken.append(event)
    return taken


class Device(moat.Probe):
    """A clean iPhone, until a test says otherwise."""

    def __init__(self, paths=None, images=(), place=None, **answers):
        self.paths = paths or {}
        self.images = list(images)
        self.where = place or Place(
            platform="ios", os_version="17.4", environment=[], able_to=["app_process"], team_id="TEAM123456"
        )
        self.answers = answers
        self.asked = []

    def answer(self, name, usual):
        self.asked.append(name)
        found = self.answers.get(name, usual)
        if isinstance(found, Exception):
            raise found
        return found

    def place(self):
        return self.answer("place", self.where)

    def lstat(self, path):
        self.answer("lstat", None)
        return self.paths.get(path)

    def list(self, path):
        return self.answer("list", [])

    def glob(self, pattern):
        return self.answer("glob", [])

    def write_test(self, folder):
        return self.answer("write_test", False)

    def writable_mount(self, path):
        return self.answer("writable_mount", False)

    def mounts(self):
        return self.answer("mounts", ["/", "/private/var"])

    def dyld_images(self):
        return self.answer("dyld_images", ["/usr/lib/libSystem.B.dylib", *self.images])

    def env(self, name):
        return self.answer("env", None)

    def objc_class(self, name):
        return self.answer("objc_class", False)

    def can_open_url(self, scheme):
        return self.answer("can_open_url", False)

    def tcp(self, host, port, timeout_ms):
        assert (host, timeout_ms) == ("127.0.0.1", 50)
        return port in self.answer("tcp", set())

    def kinfo(self, flag):
        return self.answer("kinfo", False)

    def ppid(self):
        return self.answer("ppid", 1)

    def csops(self, flag):
        return self.answer("csops", False)

    def fork(self):
        return self.answer("fork", False)

    def entitlement(self, name):
        return self.answer("entitlement", None)

    def self_macho(self, field):
        return self.answer("self_macho", 1)

    def bundle_file(self, name):
        return self.answer("bundle_file", False)

    def team_id(self):
        return self.answer("team_id", "TEAM123456")


class Verdicts(unittest.TestCase):
    def test_a_session_shows_its_bundle(self):
        info = first().bundle()
        self.assertEqual((info.version, info.tenant, info.organisation), (1, "example", "Example Ltd"))
        self.assertEqual((info.indicators, info.rules_version), (7, "2026.11.24"))
        self.assertEqual(info.created.timestamp(), 1_764_000_000)

    def test_names(self):
        session = first()
        for host, action, indicator in [
            ("harmless.example", Action.ALLOWED, None),
            ("phish.example", Action.BLOCK, 1),
            ("LOGIN.Phish.Example.", Action.BLOCK, 1),
            ("good.phish.example", Action.ALLOWED, 2),
            ("notphish.example", Action.ALLOWED, None),
            ("casino.example", Action.WARN, 4),
            ("", Action.ALLOWED, None),
        ]:
            verdict = session.evaluate_host(host, SeenIn.DNS, NOW)
            self.assertEqual(verdict.action, action, host)
            self.assertEqual(verdict.because and verdict.because.id, indicator, host)

    def test_a_verdict_names_its_indicator(self):
        because = first().evaluate_host("casino.example", SeenIn.TLS, NOW).because
        self.assertEqual((because.value, because.title), ("casino.example", "Indicator of casino.example"))
        self.assertEqual((because.severity, because.bypass_hours), (Severity.LOW, 2))
        self.assertEqual((because.generate_alert, because.educate_url), (True, "https://help.example/why"))

    def test_urls(self):
        session = first()
        self.assertEqual(session.evaluate_url("http://shop.example/fake/login?x=1", NOW).action, Action.BLOCK)
        self.assertEqual(session.evaluate_url("http://shop.example/", NOW).action, Action.ALLOWED)
        self.assertEqual(session.evaluate_url("https://a.phish.example:8443/x#y", NOW).because.id, 1)
        self.assertEqual(session.evaluate_url("http://203.0.113.7/x", NOW).because.id, 5)

    def test_addresses(self):
        session = first()
        self.assertEqual(session.evaluate_ip("203.0.113.7", NOW).action, Action.BLOCK)
        self.assertEqual(session.evaluate_ip("::ffff:203.0.113.7", NOW).action, Action.BLOCK)
        self.assertEqual(session.evaluate_ip("2001:db8:bad:1::9", NOW).action, Action.AUDIT)
        self.assertEqual(session.evaluate_ip("203.0.114.1", NOW).action, Action.ALLOWED)

    def test_an_indicator_expires(self):
        later = NOW + datetime.timedelta(days=365)
        self.assertEqual(first().evaluate_host("soon.example", SeenIn.DNS, NOW).action, Action.BLOCK)
        self.assertEqual(first().evaluate_host("soon.example", SeenIn.DNS, later).action, Action.ALLOWED)

    def test_bad_input_is_a_typed_error(self):
        with self.assertRaises(SessionError.Url):
            first().evaluate_url("http://", NOW)
        with self.assertRaises(SessionError.Address) as caught:
            first().evaluate_ip("203.0.113.700", NOW)
        self.assertEqual(caught.exception.input, "203.0.113.700")
        with self.assertRaises(TypeError):
            first().evaluate_host(None, SeenIn.DNS, NOW)


class Bundles(unittest.TestCase):
    def test_what_is_no_bundle_of_ours_is_refused(self):
        whole = read("first")
        for bytes in [b"", b"nonsense", whole[:-1], whole[:100], whole[:40] + b"\x00" + whole[41:], read("stranger")]:
            with self.assertRaises(SessionError.Bundle):
                Session.open(bytes, KEY)
        for key in ["", "12", KEY[:-2], "zz" * 32]:
            with self.assertRaises(SessionError.Key):
                Session.open(whole, key)

    def test_a_file_is_mapped(self):
        session = Session.open_file(str(BUNDLES / "first.bundle"), KEY)
        self.assertEqual(session.evaluate_host("phish.example", SeenIn.DNS, NOW).because.id, 1)
        self.assertEqual(session.replace_bundle_file(str(BUNDLES / "second.bundle")).version, 2)
        with self.assertRaises(SessionError.File):
            Session.open_file(str(BUNDLES / "absent.bundle"), KEY)

    def test_only_a_newer_bundle_replaces(self):
        session = first()
        self.assertEqual(session.replace_bundle(read("second")).version, 2)
        with self.assertRaises(SessionError.NotNewer) as caught:
            session.replace_bundle(read("first"))
        self.assertEqual((caught.exception.held, caught.exception.offered), (2, 1))
        with self.assertRaises(SessionError.Bundle):
            session.replace_bundle(read("stranger"))
        self.assertEqual(session.bundle().version, 2)
        self.assertEqual(session.evaluate_host("phish.example", SeenIn.DNS, NOW).because.id, 1)
        replaced, older, stranger = events(session)[:3]
        self.assertEqual(replaced, Event.BUNDLE_REPLACED(version=2))
        self.assertIn("version 1 is not newer than 2", older.reason)
        self.assertIn("signature", stranger.reason)

    def test_rules_of_another_schema_cost_no_web_protection(self):
        session = Session.open(read("rules-of-tomorrow"), KEY)
        self.assertIsNone(session.bundle().rules_version)
        self.assertEqual(session.evaluate_host("phish.example", SeenIn.DNS, NOW).action, Action.BLOCK)
        with self.assertRaises(SessionError.Rules):
            session.evaluate_posture(Device())


class Events(unittest.TestCase):
    def test_hits_wait_in_order(self):
        session = first()
        session.evaluate_host("a.phish.example", SeenIn.TLS, NOW)
        session.evaluate_host("good.phish.example", SeenIn.TLS, NOW)
        session.evaluate_ip("203.0.113.7", NOW)
        self.assertEqual(
            events(session),
            [
                Event.WEB_THREAT(indicator=1, action=Action.BLOCK, site="a.phish.example", seen_in=SeenIn.TLS),
                Event.WEB_THREAT(indicator=5, action=Action.BLOCK, site="203.0.113.7", seen_in=SeenIn.IP),
            ],
        )

    def test_privacy_keeps_names_out(self):
        session = Session.open(read("second"), KEY)
        session.evaluate_host("a.phish.example", SeenIn.DNS, NOW)
        self.assertIsNone(events(session)[0].site)

    def test_the_queue_is_bounded_and_counts(self):
        session = first()
        for _ in range(1500):
            session.evaluate_host("phish.example", SeenIn.DNS, NOW)
        self.assertEqual((len(events(session)), session.dropped_events()), (1024, 476))

    def test_threads_share_a_session(self):
        session = first()

        def judge():
            for _ in range(100):
                assert session.evaluate_host("phish.example", SeenIn.DNS, NOW).action == Action.BLOCK

        threads = [threading.Thread(target=judge) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual(len(events(session)) + session.dropped_events(), 400)


class Orders(unittest.TestCase):
    LOCK, NOTE, LEAVE, NEW = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(4))

    def reply(self, *orders):
        orders = [{"id": id, "action": {"kind": kind, **more}} for id, kind, more in orders]
        access = {"allowed": True, "reasons": []}
        reply = {"acknowledged": 1, "bundleVersion": 1, "commands": [], "orders": orders, "access": access}
        return json.dumps(reply).encode()

    def test_each_order_is_handed_out_once(self):
        session = first()
        note = (self.NOTE, "notify", {"title": "Office", "body": "Closed today"})
        for _ in range(2):
            session.take_reply(self.reply(note, (self.LEAVE, "retire", {})))
        noted, leaving = events(session)
        self.assertEqual((noted.id, noted.action), (self.NOTE, OrderAction.NOTIFY(title="Office", body="Closed today")))
        self.assertTrue(leaving.action.is_RETIRE())
        answer = json.loads(session.answer_order(self.LEAVE, Outcome.DONE, ""))
        self.assertEqual(answer, {"kind": "orderDone", "id": self.LEAVE, "outcome": "done", "detail": ""})
        again = first()
        again.remember_order(self.NOTE)
        again.take_reply(self.reply(note, (self.LEAVE, "wipe", {})))
        self.assertEqual([event.id for event in events(again)], [self.LEAVE])

    def test_what_an_app_cannot_do_is_answered_at_once(self):
        session = first()
        session.take_reply(self.reply((self.LOCK, "remoteLock", {}), (self.NEW, "playSound", {"seconds": 3})))
        for event, id in zip(events(session), (self.LOCK, self.NEW), strict=True):
            self.assertIsInstance(event, Event.ORDER_ANSWERED)
            answer = json.loads(event.answer)
            self.assertEqual((answer["id"], answer["outcome"]), (id, "notSupported"))

    def test_what_is_no_answer_is_a_typed_error(self):
        session = first()
        for reply in (b"", b"{}", b"[]", self.reply((self.LOCK, "remoteLock", {}))[:-1]):
            with self.assertRaises(SessionError.Reply):
                session.take_reply(reply)
        with self.assertRaises(SessionError.Order):
            session.answer_order("7", Outcome.FAILED, "")
        self.assertEqual(events(session), [])


class Configurations(unittest.TestCase):
    def test_apps_leave_the_device_only_when_the_server_may_have_them(self):
        session = first()
        self.assertIsNone(session.configuration())
        apps = [{"bundleId": "org.example.a"}, {"bundleId": "org.example.b", "managed": True}]
        session.set_configuration(json.dumps({"passcode": {"isSet": True}, "apps": apps}).encode())
        with self.assertRaisesRegex(SessionError.Configuration, "isset"):
            session.set_configuration(b'{"passcode": {"isSet": true, "isset": false}}')
        told = json.loads(session.configuration())
        self.assertEqual((told["passcode"]["isSet"], told["apps"]), (True, None))
        reply = {"acknowledged": 1, "bundleVersion": 1, "commands": [], "access": {"allowed": True, "reasons": []}}
        for inventory, count in (("managed", 1), ("all", 2)):
            session.take_reply(json.dumps({**reply, "appInventory": inventory}).encode())
            self.assertEqual(len(json.loads(session.configuration())["apps"]), count)


class PostureRuns(unittest.TestCase):
    def test_a_clean_device(self):
        device = Device()
        posture = first().evaluate_posture(device)
        self.assertEqual((posture.level, posture.score, posture.findings), (JailbreakLevel.NONE, 0.0, []))
        self.assertEqual((posture.answered, posture.unanswered, posture.unknown), (162, 0, 0))
        self.assertEqual(device.asked.count("dyld_images"), 1)
        self.assertEqual(device.asked.count("lstat"), 92)

    def test_jailbroken_and_clean_again(self):
        session = first()
        jailbroken = Device(paths={"/var/jb": FileKind.SYMLINK, "/cores/binpack": FileKind.FOLDER}, tcp={2222})
        posture = session.evaluate_posture(jailbroken)
        self.assertEqual(posture.level, JailbreakLevel.CONFIRMED)
        self.assertAlmostEqual(posture.score, 0.993)
        details = {finding.rule: finding.detail for finding in posture.findings}
        self.assertEqual(details["fs.var_jb.symlink"], "/var/jb is a symlink")
        self.assertEqual(details["port.2222"], "127.0.0.1 accepts connections on port 2222")
        session.evaluate_posture(jailbroken)
        session.evaluate_posture(Device())
        none, confirmed = JailbreakLevel.NONE, JailbreakLevel.CONFIRMED
        self.assertEqual(
            events(session),
            [Event.POSTURE_CHANGED(_from=none, to=confirmed), Event.POSTURE_CHANGED(_from=confirmed, to=none)],
        )

    def test_each_kind_of_answer_can_be_evidence(self):
        for rule, device in [
            ("fs.var.jbroot", Device(list=["mobile", ".jbroot-1A2B"])),
            ("fs.preboot.jb", Device(glob=["/private/preboot/ab/jb-xyz"])),
            ("write.slash", Device(write_test=True)),
            ("mount.root_rw", Device(writable_mount=True)),
            ("mount.usr_lib", Device(mounts=["/", "/usr/lib"])),
            ("dyld.fridagadget", Device(images=["/private/x/FridaGadget.dylib"])),
            ("env.jbroot", Device(env="1")),
            ("objc.shadowruleset", Device(objc_class=True)),
            ("url.sileo", Device(can_open_url=True)),
            ("port.27042", Device(tcp={27042})),
            ("proc.fork", Device(fork=True)),
        ]:
            rules = [finding.rule for finding in first().evaluate_posture(device).findings]
            self.assertIn(rule, rules)

    def test_a_debugged_build_is_not_jailbroken(self):
        device = Device(kinfo=True, csops=True, ppid=77, entitlement=True, self_macho=0, bundle_file=True, team_id="X")
        posture = first().evaluate_posture(device)
        self.assertEqual((posture.level, posture.score), (JailbreakLevel.NONE, 0.0))
        self.assertTrue({"kinfo", "csops", "ppid", "entitlement", "self_macho", "team_id"} <= set(device.asked))

    def test_a_path_of_another_kind_is_no_evidence(self):
        posture = first().evaluate_posture(Device(paths={"/var/jb": FileKind.FOLDER}))
        self.assertEqual(posture.findings, [])

    def test_what_cannot_be_told_is_unanswered(self):
        device = Device(
            lstat=ProbeError.Denied(reason="EPERM"), dyld_images=ProbeError.Unavailable(reason="no such call")
        )
        posture = first().evaluate_posture(device)
        self.assertEqual((posture.level, posture.unanswered), (JailbreakLevel.NONE, 92 + 29))

    def test_a_probe_that_raises_is_no_crash(self):
        posture = first().evaluate_posture(Device(fork=ValueError("a mistake in the app")))
        self.assertEqual((posture.level, posture.unanswered), (JailbreakLevel.NONE, 1))
        with self.assertRaises(SessionError.Probe):
            first().evaluate_posture(Lost())

    def test_the_extension_is_not_asked_what_only_the_app_can_tell(self):
        place = Place(platform="ios", os_version="17.4", environment=[], able_to=[], team_id=None)
        device = Device(place=place)
        posture = first().evaluate_posture(device)
        self.assertEqual(posture.unanswered, 7 + 1)
        self.assertFalse({"fork", "can_open_url", "team_id"} & set(device.asked))

    def test_simulator_and_mac_are_not_judged(self):
        for environment in ["simulator", "ios_app_on_mac", "mac_catalyst"]:
            place = Place(platform="ios", os_version="17.4", environment=[environment], able_to=[], team_id=None)
            device = Device(paths={"/var/jb": FileKind.SYMLINK}, place=place)
            posture = first().evaluate_posture(device)
            self.assertEqual((posture.level, posture.answered), (JailbreakLevel.NONE, 0))
            self.assertEqual(device.asked, ["place"])

    def test_the_probe_may_call_the_session(self):
        session = first()

        class Curious(Device):
            def fork(self):
                return session.bundle().version != 1

        self.assertEqual(session.evaluate_posture(Curious()).level, JailbreakLevel.NONE)


class Lost(Device):
    def place(self):
        raise ProbeError.Unavailable(reason="no idea")


if __name__ == "__main__":
    unittest.main()
