"""A stand-in app with work data, through the generated Python binding. `tests/it/binding.rs` runs this."""

import datetime
import json
import os
import pathlib
import unittest

from moat import (
    AccessHeader,
    AppIdentity,
    AppProtection,
    CheckInAnswer,
    LaunchAction,
    LaunchCondition,
    LocalState,
    OpenError,
    PinError,
    PinResult,
    PinStep,
    Remediation,
    ReplyError,
    Severity,
    StoreError,
)

SIGNED = pathlib.Path(os.environ["MOAT_SIGNED"])
KEY = os.environ["MOAT_BUNDLE_KEY"]
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc)
IDENTITY = AppIdentity(
    device_id="00000000-0000-0000-0000-000000000002",
    bundle_id="org.example.mail",
    app_version="2.0",
    sdk_version="1.0",
    os_version="18.7.2",
    device_model="iPhone15,3",
    device_tag="ada-phone",
)
ORDER = "00000000-0000-0000-0000-000000000005"


def after(**period):
    return NOW + datetime.timedelta(**period)


def reply(name):
    return (SIGNED / f"{name}.reply").read_bytes()


class App:
    """An app with a clock of its own, a file for its state, and a server that answers what the test says."""

    def __init__(self, *replies, state=None, identity=IDENTITY):
        self.now, self.identity = NOW, identity
        self.jailbroken, self.evidence, self.passcode = False, [], True
        self.moat = AppProtection.open(state, identity, KEY)
        for name in replies:
            self.check_in(name)

    def restart(self, state=None):
        """Ends the process and starts it again with what was kept."""
        self.moat = AppProtection.open(state or self.moat.state(), self.identity, KEY)

    def send(self):
        return json.loads(self.moat.check_in_request(self.jailbroken))

    def check_in(self, name):
        sent = self.send()
        self.answer = self.moat.handle_reply(reply(name), self.now)
        return sent

    def launch(self, now=None):
        self.now = now or self.now
        return self.moat.evaluate(self.now, self.local())

    def local(self):
        return LocalState(
            jailbroken=self.jailbroken, evidence=self.evidence, device_has_passcode=self.passcode
        )

    def action(self, now=None):
        return self.launch(now).action

    def write(self, text):
        self.launch()
        return self.moat.seal(text.encode())

    def read(self, sealed):
        return self.moat.unseal(sealed).decode()


class Case(unittest.TestCase):
    def refused(self, error, call, *arguments):
        with self.assertRaises(error) as caught:
            call(*arguments)
        return str(caught.exception)

    def assert_wiped(self, app, sealed):
        self.refused(StoreError.Wiped, app.read, sealed)
        self.refused(StoreError, app.moat.seal, b"more")


class CheckIns(Case):
    def test_an_app_says_what_it_is(self):
        app = App()
        app.jailbroken = True
        self.assertEqual(
            app.send(),
            {
                "bundleId": "org.example.mail",
                "appVersion": "2.0",
                "sdkVersion": "1.0",
                "osVersion": "18.7.2",
                "deviceModel": "iPhone15,3",
                "deviceTag": "ada-phone",
                "jailbroken": True,
                "wiped": None,
            },
        )

    def test_without_a_lease_it_stays_closed(self):
        app = App()
        launch = app.launch()
        self.assertEqual((launch.action, launch.renew), (LaunchAction.BLOCK, True))
        self.assertEqual(launch.findings[0].condition, LaunchCondition.LEASE)
        self.assertEqual(launch.remediation, Remediation.CONNECT_AND_SIGN_IN())
        self.refused(StoreError.Closed, app.moat.seal, b"mail")
        self.assertIsNone(app.moat.settings())

    def test_a_lease_opens_it(self):
        app = App("allowed")
        self.assertEqual(app.answer, CheckInAnswer.LEASE(NOW, after(minutes=15)))
        self.refused(StoreError.Closed, app.moat.seal, b"before it asked")
        launch = app.launch()
        self.assertEqual((launch.action, launch.findings, launch.remediation), (LaunchAction.ALLOW, [], None))
        self.assertEqual((launch.pin, launch.sign_in, launch.renew), (PinStep.NONE, False, False))
        self.assertEqual((launch.next_check, launch.wiped), (after(minutes=15), None))
        self.assertEqual(app.read(app.write("quarterly figures")), "quarterly figures")
        settings = json.loads(app.moat.settings())
        self.assertEqual(settings["maximumAllowedDeviceThreatLevel"], "low")
        self.assertEqual(app.launch(after(minutes=15)).renew, True)

    def test_what_is_not_the_servers_is_refused_and_the_old_lease_stays(self):
        app = App("allowed")
        app.send()
        for name, error, why in [
            ("stranger", ReplyError.Signature, "not signed"),
            ("altered", ReplyError.Signature, "not signed"),
            ("no-lease", ReplyError.Lease, "cannot be read"),
            ("other-device", ReplyError.Lease, "another device"),
            ("other-app", ReplyError.Lease, "another app"),
            ("future", ReplyError.Lease, "set the clock"),
        ]:
            said = self.refused(error, app.moat.handle_reply, reply(name), NOW)
            self.assertIn(why, said or why, name)
            self.assertEqual(app.action(), LaunchAction.ALLOW, name)
        signed = json.loads(reply("allowed"))
        for signature in ["", "zz", signed["lease"]["signature"][2:], "00" * 64]:
            signed["lease"]["signature"] = signature
            self.refused(ReplyError.Signature, app.moat.handle_reply, json.dumps(signed).encode(), NOW)
        for rubbish in [b"", b"null", b"[" * 100_000, b"\xff", b" " * 2_000_000]:
            self.refused(ReplyError.Malformed, app.moat.handle_reply, rubbish, NOW)
        app.moat.handle_reply(reply("hour-later"), after(hours=1))
        self.assertEqual(app.action(after(hours=1, minutes=14)), LaunchAction.ALLOW)

    def test_an_answer_needs_a_question(self):
        app = App()
        self.refused(ReplyError.NotAsked, app.moat.handle_reply, reply("allowed"), NOW)
        app.check_in("allowed")
        self.refused(ReplyError.NotAsked, app.moat.handle_reply, reply("allowed"), NOW)

    def test_an_old_lease_does_not_come_back(self):
        app = App("allowed", "high")
        self.assertEqual(app.action(after(minutes=1)), LaunchAction.BLOCK)
        self.refused(ReplyError.Older, app.check_in, "allowed")
        app.restart()
        self.refused(ReplyError.Older, app.check_in, "allowed")
        self.assertEqual(app.action(), LaunchAction.BLOCK)

    def test_without_a_policy_the_old_lease_runs_on(self):
        app = App("allowed", "none")
        self.assertIn("No app protection policy", app.answer.reason)
        self.assertEqual(app.action(), LaunchAction.ALLOW)
        self.assertEqual(app.action(after(days=2)), LaunchAction.BLOCK)


class Gateways(Case):
    """What the app shows where a policy requires an app protection policy."""

    def header(self, app, now=None):
        return app.moat.access_header(now or app.now)

    def test_an_open_app_says_which_one_it_is_while_its_lease_is_fresh(self):
        app = App("allowed")
        self.assertIsNone(self.header(app), "before it asked")
        app.launch()
        shown = AccessHeader(name="X-Moat-App", value="a-proof_1", valid_until=after(minutes=15))
        self.assertEqual(self.header(app), shown)
        self.assertIsNone(self.header(app, after(minutes=15)))
        app.restart()
        self.assertIsNone(self.header(app), "each start asks anew")
        app.launch()
        self.assertEqual(self.header(app).value, "a-proof_1")
        app.launch(after(minutes=20))
        self.assertIsNone(self.header(app, NOW), "time does not go back")

    def test_a_closed_app_says_nothing(self):
        self.assertIsNone(self.header(App()))
        app = App("allowed")
        app.launch()
        app.check_in("high")
        self.assertIsNone(self.header(app))
        app.launch()
        self.assertIsNone(self.header(app))
        app = App("pin")
        app.write("mail")
        self.assertIsNotNone(self.header(app), "mail may come in while the PIN is due")
        app.moat.wipe("removed", NOW)
        self.assertIsNone(self.header(app))

    def test_only_what_fits_into_a_header_is_taken(self):
        app = App()
        app.send()
        said = self.refused(ReplyError.Malformed, app.moat.handle_reply, reply("odd-proof"), NOW)
        self.assertIn("accessProof", said)
        app.check_in("without-proof")
        self.assertEqual(app.action(), LaunchAction.ALLOW)
        self.assertIsNone(self.header(app))


class Launches(Case):
    def test_a_threat_above_the_limit_blocks(self):
        app = App("allowed")
        sealed = app.write("mail")
        app.check_in("high")
        self.refused(StoreError.Closed, app.read, sealed)
        launch = app.launch()
        self.assertEqual(launch.action, LaunchAction.BLOCK)
        finding = launch.findings[0]
        self.assertEqual(finding.condition, LaunchCondition.DEVICE_THREAT_LEVEL)
        self.assertEqual(finding.reason, "The device's threat level is high; work data may be used up to low.")
        self.assertIn("Moat reports the threat level high.", finding.because)
        self.assertEqual(finding.remedies, ['Resolve the alert "Device is jailbroken".'])
        self.assertEqual(launch.remediation.partner, "Moat")
        alert = launch.remediation.alerts[0]
        self.assertEqual((alert.id, alert.title, alert.severity), ("7", "Device is jailbroken", Severity.HIGH))
        self.refused(StoreError.Closed, app.read, sealed)
        app.now = after(hours=1)
        app.check_in("hour-later")
        self.assertEqual(app.action(), LaunchAction.ALLOW)
        self.assertEqual(app.read(sealed), "mail", "a block takes nothing away")

    def test_a_missing_agent_is_a_guide_not_a_wipe(self):
        for name, guide in [
            ("missing-agent", Remediation.INSTALL_AGENT("Moat")),
            ("inactive-agent", Remediation.ACTIVATE_AGENT("Moat")),
        ]:
            launch = App(name).launch()
            self.assertEqual((launch.action, launch.remediation), (LaunchAction.BLOCK, guide))
            self.assertTrue(launch.findings[0].remedies)

    def test_the_app_sees_a_jailbreak_by_itself_and_offline(self):
        app = App("jailbreak-wipes")
        sealed = app.write("mail")
        app.jailbroken, app.evidence = True, ["/var/jb is a symlink."]
        launch = app.launch(after(hours=3))
        self.assertEqual(launch.action, LaunchAction.WIPE)
        self.assertEqual(launch.findings[0].condition, LaunchCondition.JAILBROKEN)
        self.assertIn("/var/jb is a symlink.", launch.findings[0].because)
        self.assertEqual(launch.remediation, Remediation.RESTORE_DEVICE())
        self.assertIn("/var/jb is a symlink.", launch.wiped.reason)
        self.assert_wiped(app, sealed)
        app.jailbroken = False
        self.assertEqual(app.action(), LaunchAction.BLOCK, "only a new lease opens it again")


class Offline(Case):
    def test_a_lease_carries_it_through_its_grace_periods(self):
        app = App("allowed")
        sealed = app.write("mail")
        for now, action in [
            (after(hours=24), LaunchAction.ALLOW),
            (after(hours=24, seconds=1), LaunchAction.BLOCK),
            (after(days=90), LaunchAction.BLOCK),
        ]:
            launch = app.launch(now)
            self.assertEqual((launch.action, launch.renew), (action, True), now)
        self.assertEqual(launch.findings[0].condition, LaunchCondition.OFFLINE)
        self.assertIsNone(launch.wiped)
        self.assertEqual(app.action(after(days=90, seconds=1)), LaunchAction.WIPE)
        self.assert_wiped(app, sealed)
        receipt = app.send()["wiped"]
        self.assertIn("The app last checked in at 2026-11-24T12:00:00", receipt["reason"])
        self.assertEqual(receipt["at"], int(after(days=90, seconds=1).timestamp() * 1_000_000))

    def test_a_clock_set_back_gains_nothing(self):
        app = App("allowed")
        self.assertEqual(app.action(after(hours=25)), LaunchAction.BLOCK)
        for restart in [False, True]:
            launch = app.launch(NOW)
            self.assertEqual((launch.action, launch.clock_went_back), (LaunchAction.BLOCK, True))
            app.restart()
        self.assertEqual(app.action(after(hours=-24)), LaunchAction.BLOCK)

    def test_clocks_that_differ_a_little_were_not_set_back(self):
        app = App("allowed")
        self.assertEqual(app.launch(after(minutes=-4)).clock_went_back, False)
        self.assertEqual(app.launch(after(minutes=-6)).clock_went_back, True)

    def test_a_new_lease_heals_a_clock_that_ran_ahead(self):
        app = App("pin")
        app.moat.set_pin("2580", after(days=50))
        self.assertEqual(app.action(after(days=50)), LaunchAction.BLOCK)
        app.now = after(hours=1)
        app.check_in("pin-hour-later")
        launch = app.launch()
        self.assertEqual((launch.action, launch.clock_went_back), (LaunchAction.ALLOW, False))
        self.assertEqual(launch.pin, PinStep.PIN, "a PIN from the future proves nothing")


class Wipes(Case):
    def test_a_threat_wipes_where_policy_says_so(self):
        app = App("allowed")
        sealed = app.write("mail")
        app.check_in("high-wipe")
        launch = app.launch()
        self.assertEqual(launch.action, LaunchAction.WIPE)
        self.assertEqual(launch.wiped.at, after(minutes=1))
        self.assertIsNone(launch.wiped.order)
        self.assert_wiped(app, sealed)
        launch = app.launch(after(hours=1))
        self.assertEqual((launch.action, launch.findings[0].condition), (LaunchAction.BLOCK, LaunchCondition.LEASE))
        self.assertIn("threat level is high", launch.wiped.reason, "it is still told")

    def test_the_receipt_goes_out_until_it_is_acknowledged(self):
        app = App("allowed")
        app.write("mail")
        app.check_in("order")
        self.assertEqual(app.action(after(minutes=2)), LaunchAction.WIPE)
        first = app.send()["wiped"]
        self.assertEqual((first["order"], first["at"]), (ORDER, int(after(minutes=2).timestamp() * 1_000_000)))
        self.assertIn("ordered to wipe", first["reason"])
        self.refused(ReplyError.Signature, app.moat.handle_reply, reply("stranger"), app.now)
        self.assertEqual(app.send()["wiped"], first, "no answer")
        app.restart()
        app.now = after(hours=1)
        self.assertEqual(app.check_in("hour-later")["wiped"], first, "kept over a restart")
        self.assertIsNone(app.send()["wiped"])
        app.restart()
        self.assertIsNone(app.send()["wiped"])

    def test_an_answer_without_a_lease_acknowledges_too(self):
        app = App("allowed")
        app.write("mail")
        self.assertTrue(app.moat.wipe("The account was removed.", NOW))
        self.assertEqual(app.check_in("none")["wiped"]["reason"], "The account was removed.")
        self.assertIsNone(app.send()["wiped"])

    def test_an_answer_from_before_the_wipe_does_not_open_it_again(self):
        app = App("allowed")
        app.write("mail")
        app.send()
        app.moat.wipe("The account was removed.", NOW)
        self.refused(ReplyError.NotAsked, app.moat.handle_reply, reply("hour-later"), after(hours=1))
        self.assertIsNotNone(app.send()["wiped"])

    def test_new_work_data_gets_a_new_key_and_the_old_stays_unreadable(self):
        app = App("allowed")
        old = app.write("old mail")
        app.moat.wipe("The account was removed.", NOW)
        app.now = after(hours=1)
        app.check_in("hour-later")
        self.assertEqual(app.action(), LaunchAction.ALLOW)
        self.assertIsNotNone(app.launch().wiped)
        self.refused(StoreError.Wiped, app.read, old)
        new = app.write("new mail")
        self.assertIsNone(app.launch().wiped)
        self.assertEqual(app.read(new), "new mail")
        self.refused(StoreError.OtherKey, app.read, old)

    def test_what_holds_nothing_wipes_nothing(self):
        app = App("allowed")
        self.assertFalse(app.moat.wipe("The account was removed.", NOW))
        app.write("mail")
        app.check_in("high-wipe")
        self.assertEqual(app.action(), LaunchAction.WIPE)
        app.now = after(hours=2)
        self.assertIsNotNone(app.check_in("high-wipe-later")["wiped"])
        launch = app.launch()
        self.assertEqual((launch.action, bool(launch.remediation.alerts)), (LaunchAction.WIPE, True))
        self.assertIsNone(app.send()["wiped"], "one wipe, one receipt")

    def test_an_order_is_answered_even_without_data(self):
        app = App("order")
        self.assertEqual(app.action(after(minutes=2)), LaunchAction.WIPE)
        self.assertEqual(app.send()["wiped"]["order"], ORDER)
        app.moat.wipe("The account was removed.", after(minutes=3))
        self.assertEqual(app.send()["wiped"]["order"], ORDER)

    def test_a_long_reason_is_cut(self):
        app = App("allowed")
        app.write("mail")
        app.moat.wipe("ä" * 5_000, NOW)
        self.assertEqual(app.send()["wiped"]["reason"], "ä" * 1_000)


class Pins(Case):
    def app(self, name="pin", pin="2580"):
        app = App(name)
        self.assertEqual(app.launch().pin, PinStep.NEW_PIN)
        app.moat.set_pin(pin, app.now)
        self.assertEqual(app.launch().pin, PinStep.NONE)
        return app

    def enter(self, app, pin):
        return app.moat.enter_pin(pin, app.now)

    def test_policy_says_what_a_pin_is(self):
        app = App("pin")
        for pin, why in [("258", "at least 4"), ("abcd", "digits only"), ("1234", "consecutive")]:
            self.assertIn(why, self.refused(PinError.Refused, app.moat.set_pin, pin, NOW))
        self.refused(PinError.NotSet, self.enter, app, "2580")
        self.refused(PinError.NoLease, App().moat.set_pin, "2580", NOW)
        self.refused(PinError.NoLease, self.enter, App(), "2580")
        self.refused(PinError.NotRequired, self.enter, App("allowed"), "2580")

    def test_inactivity_closes_reading_until_the_pin(self):
        app = self.app()
        sealed = app.write("mail")
        self.assertEqual(app.read(sealed), "mail")
        self.assertEqual(app.launch(after(minutes=20)).pin, PinStep.NONE)
        app.moat.active(after(minutes=20))
        self.assertEqual(app.launch(after(minutes=50)).pin, PinStep.NONE)
        self.assertEqual(app.launch(after(minutes=51)).pin, PinStep.PIN_OR_BIOMETRIC)
        app.moat.active(after(minutes=51))
        self.assertEqual(app.launch().pin, PinStep.PIN_OR_BIOMETRIC, "a touch is no proof")
        self.refused(StoreError.Closed, app.read, sealed)
        self.assertTrue(app.write("mail may come in"))
        self.assertEqual(self.enter(app, "2580"), PinResult.RIGHT())
        app.launch()
        self.assertEqual(app.read(sealed), "mail")

    def test_a_face_does_for_a_while(self):
        app = self.app()
        app.launch(after(minutes=40))
        app.moat.pass_biometric(app.now)
        self.assertEqual(app.launch().pin, PinStep.NONE)
        self.assertEqual(app.launch(after(minutes=71)).pin, PinStep.PIN)
        self.refused(PinError.PinNeeded, app.moat.pass_biometric, app.now)
        self.assertEqual(app.launch().pin, PinStep.PIN)

    def test_too_many_wrong_pins_ask_for_a_sign_in_and_a_new_pin(self):
        app = self.app()
        sealed = app.write("mail")
        self.assertEqual(self.enter(app, "0000"), PinResult.WRONG(2))
        self.assertEqual(self.enter(app, "2580"), PinResult.RIGHT())
        self.assertEqual(self.enter(app, "0000"), PinResult.WRONG(2))
        app.restart()
        self.assertEqual(self.enter(app, ""), PinResult.WRONG(1), "kept over a restart")
        for pin in ["0000", "2580"]:
            self.assertEqual(self.enter(app, pin), PinResult.RESET_NEEDED())
        launch = app.launch()
        self.assertEqual((launch.action, launch.remediation), (LaunchAction.RESET_PIN, Remediation.RESET_PIN()))
        self.refused(StoreError.Closed, app.read, sealed)
        self.refused(PinError.PinNeeded, app.moat.pass_biometric, app.now)
        self.refused(PinError.ProofNeeded, app.moat.set_pin, "1379", app.now)
        app.moat.signed_in(app.now)
        app.moat.set_pin("1379", app.now)
        self.assertEqual(app.action(), LaunchAction.ALLOW)
        self.assertEqual(app.read(sealed), "mail")

    def test_or_they_wipe(self):
        app = self.app("pin-wipes")
        sealed = app.write("mail")
        results = [self.enter(app, "0000") for _ in range(3)]
        self.assertEqual(results, [PinResult.WRONG(2), PinResult.WRONG(1), PinResult.WIPED()])
        self.assert_wiped(app, sealed)
        self.assertEqual(app.send()["wiped"]["reason"], "A wrong PIN was entered 3 times in a row.")
        self.refused(PinError.NoLease, self.enter, app, "2580")

    def test_a_new_pin_needs_the_old_one_or_a_sign_in_just_before(self):
        app = self.app()
        self.refused(PinError.ProofNeeded, app.moat.set_pin, "1379", app.now)
        self.enter(app, "2580")
        self.refused(PinError.ProofNeeded, app.moat.set_pin, "1379", after(minutes=6))
        app.now = after(minutes=6)
        self.enter(app, "2580")
        self.assertIn("last 2", self.refused(PinError.Refused, app.moat.set_pin, "2580", app.now))
        app.moat.set_pin("1379", app.now)
        self.refused(PinError.ProofNeeded, app.moat.set_pin, "8901", app.now)
        for old, pin in [("1379", "8901"), ("8901", "2580")]:
            self.assertEqual(self.enter(app, old), PinResult.RIGHT())
            app.moat.set_pin(pin, app.now)

    def test_a_proof_does_not_outlive_the_process(self):
        app = self.app()
        self.enter(app, "2580")
        app.restart()
        self.refused(PinError.ProofNeeded, app.moat.set_pin, "1379", app.now)

    def test_a_sign_in_lapses_with_inactivity(self):
        app = App("sign-in")
        self.assertEqual(app.launch().sign_in, True)
        app.moat.signed_in(NOW)
        sealed = app.write("mail")
        self.assertEqual(app.launch(after(minutes=30)).sign_in, False)
        self.assertEqual(app.read(sealed), "mail")
        self.assertEqual(app.launch(after(minutes=31)).sign_in, True)
        self.refused(StoreError.Closed, app.read, sealed)

    def test_a_passcode_does_where_policy_and_management_say_so(self):
        app = App("passcode")
        self.assertEqual(app.launch().pin, PinStep.NONE)
        app.passcode = False
        self.assertEqual(app.launch().pin, PinStep.NEW_PIN)


class Restarts(Case):
    def test_everything_kept_is_there_again(self):
        app = App("pin")
        app.moat.set_pin("2580", NOW)
        sealed = app.write("mail")
        self.assertNotIn(b"2580", app.moat.state())
        app.restart()
        self.assertIsNone(app.moat.damage())
        self.refused(StoreError.Closed, app.read, sealed)
        launch = app.launch(after(minutes=10))
        self.assertEqual((launch.action, launch.pin), (LaunchAction.ALLOW, PinStep.NONE))
        self.assertEqual(app.read(sealed), "mail")
        self.assertEqual(app.moat.state(), AppProtection.open(app.moat.state(), IDENTITY, KEY).state())

    def test_damaged_state_is_closed_and_a_check_in_begins_anew(self):
        app = App("allowed")
        sealed, state = app.write("mail"), app.moat.state()
        middle = len(state) // 2
        for damaged in [b"", b"{}", state[:-1], state[:middle], state[:middle] + b"?" + state[middle + 1 :], b"\0" * 99]:
            app.moat = AppProtection.open(damaged, IDENTITY, KEY)
            self.assertTrue(app.moat.damage())
            self.assertEqual(app.action(), LaunchAction.BLOCK)
            self.refused(StoreError.Closed, app.read, sealed)
        app.check_in("allowed")
        self.assertEqual(app.action(), LaunchAction.ALLOW)
        self.refused(StoreError.OtherKey, app.read, sealed)
        self.assertEqual(app.read(app.write("new")), "new")

    def test_state_is_of_one_app_on_one_device_and_one_server(self):
        app = App("allowed")
        sealed, state = app.write("mail"), app.moat.state()
        for field, value in [
            ("device_id", "00000000-0000-0000-0000-000000000009"),
            ("bundle_id", "org.example.chat"),
        ]:
            other = AppIdentity(**{**vars(IDENTITY), field: value})
            moved = App(state=state, identity=other)
            self.assertIn("another app or device", moved.moat.damage())
            self.assertEqual(moved.action(), LaunchAction.BLOCK)
            self.refused(StoreError.Closed, moved.read, sealed)
        elsewhere = AppProtection.open(state, IDENTITY, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        self.assertEqual(elsewhere.evaluate(NOW, app.local()).action, LaunchAction.BLOCK)

    def test_wrong_arguments_are_refused(self):
        self.refused(OpenError.Key, AppProtection.open, None, IDENTITY, "00")
        wrong = AppIdentity(**{**vars(IDENTITY), "device_id": "phone"})
        self.refused(OpenError.DeviceId, AppProtection.open, None, wrong, KEY)


if __name__ == "__main__":
    unittest.main()
