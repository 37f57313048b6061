"""msgraph-beta-sdk and msgraph-sdk against app protection: policies, assignments, the apps that registered, and wiping them."""

from datetime import timedelta

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph import GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError as StableError
from msgraph_beta import GraphServiceClient as BetaServiceClient
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError

from world import BASE, DEVICES, USERS, Case, Models, query

models = Models("msgraph_beta.generated.models")
stable = Models("msgraph.generated.models")
wiping = Models("msgraph_beta.generated.users.item.wipe_managed_app_registrations_by_device_tag")

#: Every setting of a policy, each with a value that is not its default.
SETTINGS = {
    "allow_widget_content_sync": True,
    "allowed_data_ingestion_locations": [models.ManagedAppDataIngestionLocation.Camera],
    "allowed_data_storage_locations": [
        models.ManagedAppDataStorageLocation.OneDriveForBusiness,
        models.ManagedAppDataStorageLocation.PhotoLibrary,
    ],
    "allowed_inbound_data_transfer_sources": models.ManagedAppDataTransferLevel.ManagedApps,
    "allowed_ios_device_models": "iPhone14,2;iPhone17,1",
    "allowed_outbound_clipboard_sharing_exception_length": 20,
    "allowed_outbound_clipboard_sharing_level": models.ManagedAppClipboardSharingLevel.ManagedAppsWithPasteIn,
    "allowed_outbound_data_transfer_destinations": models.ManagedAppDataTransferLevel.ManagedApps,
    "app_action_if_account_is_clocked_out": models.ManagedAppRemediationAction.Warn,
    "app_action_if_device_compliance_required": models.ManagedAppRemediationAction.Wipe,
    "app_action_if_ios_device_model_not_allowed": models.ManagedAppRemediationAction.Wipe,
    "app_action_if_maximum_pin_retries_exceeded": models.ManagedAppRemediationAction.Wipe,
    "app_action_if_unable_to_authenticate_user": models.ManagedAppRemediationAction.Block,
    "app_data_encryption_type": models.ManagedAppDataEncryptionType.AfterDeviceRestart,
    "block_data_ingestion_into_organization_documents": True,
    "contact_sync_blocked": True,
    "custom_browser_protocol": "browser",
    "custom_dialer_app_protocol": "skype:",
    "data_backup_blocked": True,
    "device_compliance_required": True,
    "dialer_restriction_level": models.ManagedAppPhoneNumberRedirectLevel.CustomApp,
    "disable_app_pin_if_device_pin_is_set": True,
    "disable_protection_of_managed_outbound_open_in_data": True,
    "exempted_universal_links": ["https://open.example/*"],
    "face_id_blocked": True,
    "filter_open_in_to_only_managed_apps": True,
    "fingerprint_blocked": True,
    "genmoji_configuration_state": models.GenmojiIosManagedAppConfigurationState.Blocked,
    "grace_period_to_block_apps_during_off_clock_hours": timedelta(minutes=15),
    "managed_browser_to_open_links_required": True,
    "managed_universal_links": ["https://work.example/*"],
    "maximum_allowed_device_threat_level": models.ManagedAppDeviceThreatLevel.Medium,
    "maximum_pin_retries": 3,
    "maximum_required_os_version": "26.2",
    "maximum_warning_os_version": "26.1",
    "maximum_wipe_os_version": "27.0",
    "messaging_redirect_app_url_scheme": "sms:",
    "minimum_pin_length": 8,
    "minimum_required_app_version": "2.0",
    "minimum_required_os_version": "18.0",
    "minimum_required_sdk_version": "17.0",
    "minimum_warning_app_version": "2.1",
    "minimum_warning_os_version": "18.1",
    "minimum_warning_sdk_version": "18.0",
    "minimum_wipe_app_version": "1.0",
    "minimum_wipe_os_version": "15.0",
    "minimum_wipe_sdk_version": "15.0",
    "mobile_threat_defense_partner_priority": models.MobileThreatDefensePartnerPriority.ThirdPartyPartnerOverDefender,
    "mobile_threat_defense_remediation_action": models.ManagedAppRemediationAction.Wipe,
    "notification_restriction": models.ManagedAppNotificationRestriction.BlockOrganizationalData,
    "organizational_credentials_required": True,
    "period_before_pin_reset": timedelta(days=60),
    "period_offline_before_access_check": timedelta(hours=12),
    "period_offline_before_wipe_is_enforced": timedelta(days=45, hours=6),
    "period_online_before_access_check": timedelta(minutes=20),
    "pin_character_set": models.ManagedAppPinCharacterSet.AlphanumericAndSymbol,
    "pin_required": True,
    "pin_required_instead_of_biometric_timeout": timedelta(minutes=10),
    "previous_pin_block_count": 4,
    "print_blocked": True,
    "protect_inbound_data_from_unknown_sources": False,
    "protected_messaging_redirect_app_type": models.MessagingRedirectAppType.SpecificApps,
    "save_as_blocked": True,
    "screen_capture_configuration_state": models.ScreenCaptureIosManagedAppConfigurationState.Blocked,
    "simple_pin_blocked": True,
    "third_party_keyboards_blocked": True,
    "writing_tools_configuration_state": models.WritingToolsIosManagedAppConfigurationState.Blocked,
}


def mail(of=models):
    identifier = of.IosMobileAppIdentifier(bundle_id="org.example.Mail")
    return of.ManagedMobileApp(mobile_app_identifier=identifier)


class Apps(Case):
    sdk = BetaServiceClient
    error = ODataError
    version = "beta"
    client = "apps"

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.policies = self.graph.device_app_management.ios_managed_app_protections

    async def create(self, **settings):
        made = await self.policies.post(models.IosManagedAppProtection(**settings))
        builder = self.policies.by_ios_managed_app_protection_id(made.id)
        self.addAsyncCleanup(builder.delete)
        return made, builder

    async def raw(self, path, body):
        """A call for which the SDK has no builder."""
        information = RequestInformation(Method.POST, "{+baseurl}/" + path)
        information.headers.try_add("Accept", "application/json")
        information.set_content_from_parsable(self.graph.request_adapter, "application/json", body)
        information.path_parameters["baseurl"] = self.graph.request_adapter.base_url
        await self.graph.request_adapter.send_no_response_content_async(information, {"XXX": ODataError})

    def assertSettings(self, policy, expected):
        for name, value in expected.items():
            self.assertEqual(getattr(policy, name), value, name)

    async def test_every_setting_comes_back_as_it_was_sent(self):
        made, builder = await self.create(display_name="Everything", description="All of it", apps=[mail()], **SETTINGS)
        self.assertSettings(made, SETTINGS)
        read = await builder.get(query(builder, expand=["apps"]))
        self.assertIsInstance(read, models.IosManagedAppProtection)
        self.assertSettings(read, SETTINGS)
        self.assertEqual(
            (read.display_name, read.description, read.deployed_app_count, read.is_assigned, read.app_group_type),
            ("Everything", "All of it", 1, False, models.TargetedManagedAppGroupType.SelectedPublicApps),
        )
        self.assertEqual([app.mobile_app_identifier.bundle_id for app in read.apps], ["org.example.Mail"])
        self.assertIsInstance(read.apps[0].mobile_app_identifier, models.IosMobileAppIdentifier)
        # What the type has and Moat does not is a choice, not an oversight.
        known = {*SETTINGS, "additional_data", "backing_store", "odata_type", "id", "version", "display_name", "description",
                 "created_date_time", "last_modified_date_time", "role_scope_tag_ids", "is_assigned", "assignments", "apps",
                 "app_group_type", "targeted_app_management_levels", "deployed_app_count", "deployment_summary",
                 "exempted_app_protocols", "managed_browser", "purview_content_evaluation_required"}
        self.assertEqual({name for name in vars(read)} - known, set())

        # As a whole, with one thing changed; the SDK sends every property.
        read.maximum_allowed_device_threat_level = models.ManagedAppDeviceThreatLevel.Secured
        read.managed_browser = models.ManagedBrowserType.MicrosoftEdge
        read.custom_browser_protocol = ""
        read.exempted_app_protocols = [models.KeyValuePair(name="Default", value="skype;app-settings")]
        changed = await builder.patch(read)
        self.assertEqual(changed.maximum_allowed_device_threat_level, models.ManagedAppDeviceThreatLevel.Secured)
        # The SDK takes them for flags.
        self.assertEqual(changed.managed_browser, [models.ManagedBrowserType.MicrosoftEdge])
        self.assertEqual([(one.name, one.value) for one in changed.exempted_app_protocols], [("Default", "skype;app-settings")])
        del (rest := dict(SETTINGS))["maximum_allowed_device_threat_level"], rest["custom_browser_protocol"]
        self.assertSettings(changed, rest)

    async def test_every_word_of_every_setting(self):
        _, builder = await self.create(display_name="Words")
        settings = {
            "allowed_inbound_data_transfer_sources": models.ManagedAppDataTransferLevel,
            "allowed_outbound_clipboard_sharing_level": models.ManagedAppClipboardSharingLevel,
            "allowed_outbound_data_transfer_destinations": models.ManagedAppDataTransferLevel,
            "app_data_encryption_type": models.ManagedAppDataEncryptionType,
            "maximum_allowed_device_threat_level": models.ManagedAppDeviceThreatLevel,
            "managed_browser": models.ManagedBrowserType,
            "mobile_threat_defense_partner_priority": models.MobileThreatDefensePartnerPriority,
            "notification_restriction": models.ManagedAppNotificationRestriction,
            "pin_character_set": models.ManagedAppPinCharacterSet,
            "app_group_type": models.TargetedManagedAppGroupType,
            "targeted_app_management_levels": [
                models.AppManagementLevel.Unspecified,
                models.AppManagementLevel.Unmanaged,
                models.AppManagementLevel.Mdm,
            ],
        }
        longest = max(len(words) for words in settings.values())
        for at in range(longest):
            words = {name: list(words)[at % len(words)] for name, words in settings.items()}
            # Nobody sets what an SDK keeps for words that it does not know.
            words = {name: word for name, word in words.items() if word.value != "unknownFutureValue"}
            changed = await builder.patch(models.IosManagedAppProtection(**words))
            for flags in ("managed_browser", "targeted_app_management_levels"):
                words[flags] = [words[flags]] if flags in words else getattr(changed, flags)
            self.assertSettings(changed, words)

    async def test_lists_of_words(self):
        _, builder = await self.create(display_name="Lists", save_as_blocked=True)
        for name, words in [
            ("allowed_data_storage_locations", models.ManagedAppDataStorageLocation),
            ("allowed_data_ingestion_locations", models.ManagedAppDataIngestionLocation),
        ]:
            every = [word for word in words if word.value != "unknownFutureValue"]
            await builder.patch(models.IosManagedAppProtection(**{name: every}))
            self.assertCountEqual(getattr(await builder.get(), name), every)

    async def test_apps_and_assignments(self):
        made, builder = await self.create(display_name="Assigned")
        target_apps = Models("msgraph_beta.generated.device_app_management.managed_app_policies.item.target_apps")
        body = target_apps.TargetAppsPostRequestBody(
            apps=[mail()], additional_data={"appGroupType": "allMicrosoftApps"}
        )
        await self.graph.device_app_management.managed_app_policies.by_managed_app_policy_id(made.id).target_apps.post(body)
        group = (await builder.get()).app_group_type
        self.assertEqual(group, models.TargetedManagedAppGroupType.AllMicrosoftApps)
        apps = (await builder.apps.get()).value
        self.assertEqual([app.mobile_app_identifier.bundle_id for app in apps], ["org.example.Mail"])
        self.assertEqual(await builder.apps.count.get(), 1)

        staff = await self.group("Staff")
        assign = Models("msgraph_beta.generated.device_app_management.targeted_managed_app_configurations.item.assign")
        assignment = models.TargetedManagedAppPolicyAssignment(target=models.GroupAssignmentTarget(group_id=staff))
        body = assign.AssignPostRequestBody(assignments=[assignment])
        await self.raw(f"deviceAppManagement/iosManagedAppProtections/{made.id}/assign", body)
        shown = (await builder.assignments.get()).value
        self.assertEqual([(type(one.target), one.target.group_id) for one in shown], [(models.GroupAssignmentTarget, staff)])
        everybody = models.TargetedManagedAppPolicyAssignment(target=models.AllLicensedUsersAssignmentTarget())
        added = await builder.assignments.post(everybody)
        self.assertIsInstance(added.target, models.AllLicensedUsersAssignmentTarget)
        read = await builder.get(query(builder, expand=["assignments"]))
        self.assertEqual((read.is_assigned, len(read.assignments)), (True, 2))
        await self.raw(f"deviceAppManagement/managedAppPolicies/{made.id}/assign", assign.AssignPostRequestBody(assignments=[]))
        self.assertEqual((await builder.assignments.get()).value, [])
        self.assertEqual(await self.policies.count.get(query(self.policies.count, filter="displayName eq 'Assigned'")), 1)

    async def group(self, name):
        group = models.Group(display_name=name, mail_enabled=False, mail_nickname=name.lower(), security_enabled=True)
        made = await self.graph.groups.post(group)
        self.addAsyncCleanup(self.graph.groups.by_group_id(made.id).delete)
        return made.id

    async def test_registered_apps(self):
        _, builder = await self.create(display_name="For everybody", apps=[mail()])
        everybody = models.TargetedManagedAppPolicyAssignment(target=models.AllLicensedUsersAssignmentTarget())
        await builder.assignments.post(everybody)
        registrations = self.graph.device_app_management.managed_app_registrations
        found = (await registrations.get(query(registrations, filter=f"userId eq '{USERS['bert']}'"))).value
        self.assertEqual(len(found), 1)
        app = await registrations.by_managed_app_registration_id(found[0].id).get()
        self.assertIsInstance(app, models.IosManagedAppRegistration)
        self.assertEqual(
            (
                app.user_id,
                app.device_name,
                app.device_type,
                app.device_model,
                app.device_tag,
                app.managed_device_id,
                app.platform_version,
                app.application_version,
                app.management_sdk_version,
                app.app_identifier.bundle_id,
                app.flagged_reasons,
            ),
            (
                USERS["bert"],
                "iphone-of-bert",
                "iPhone17,1",
                "iPhone17,1",
                "tag-of-bert",
                DEVICES["bert"],
                "18.7.2",
                "2.4",
                "1.0",
                "org.example.mail",
                [models.ManagedAppFlaggedReason.RootedDevice],
            ),
        )
        self.assertIsInstance(app.app_identifier, models.IosMobileAppIdentifier)
        self.assertIsNotNone(app.last_sync_date_time)
        one = registrations.by_managed_app_registration_id(app.id)
        for policies in (await one.applied_policies.get(), await one.intended_policies.get()):
            self.assertEqual([(type(p), p.display_name) for p in policies.value], [(models.IosManagedAppProtection, "For everybody")])
        flagged = await registrations.get_user_ids_with_flagged_app_registration.get()
        self.assertEqual(flagged.value, [USERS["bert"]])
        self.assertEqual(await registrations.count.get(), 2)
        user = self.graph.users.by_user_id("anna@corp.example")
        body = wiping.WipeManagedAppRegistrationsByDeviceTagPostRequestBody
        await user.wipe_managed_app_registrations_by_device_tag.post(body(device_tag="tag-of-anna"))
        strange = user.wipe_managed_app_registrations_by_device_tag.post(body(device_tag="nobody's"))
        await self.refused(404, "ResourceNotFound", strange)

    async def test_what_is_wrong_is_refused_by_name(self):
        warn = models.IosManagedAppProtection(
            display_name="x", mobile_threat_defense_remediation_action=models.ManagedAppRemediationAction.Warn
        )
        message = await self.refused(400, "BadRequest", self.policies.post(warn))
        self.assertIn("mobileThreatDefenseRemediationAction", message)
        android = models.AndroidManagedAppProtection(display_name="x")
        await self.refused(400, "BadRequest", self.policies.post(android))
        negative = models.IosManagedAppProtection(display_name="x", period_before_pin_reset=timedelta(days=-1))
        self.assertIn("periodBeforePinReset", await self.refused(400, "BadRequest", self.policies.post(negative)))


class StableApps(Case):
    sdk = GraphServiceClient
    error = StableError
    version = "v1.0"
    client = "apps"

    async def test_the_stable_sdk(self):
        policies = self.graph.device_app_management.ios_managed_app_protections
        settings = {
            "allowed_data_storage_locations": [stable.ManagedAppDataStorageLocation.SharePoint],
            "allowed_inbound_data_transfer_sources": stable.ManagedAppDataTransferLevel.None_,
            "allowed_outbound_clipboard_sharing_level": stable.ManagedAppClipboardSharingLevel.Blocked,
            "app_data_encryption_type": stable.ManagedAppDataEncryptionType.WhenDeviceLocked,
            "period_offline_before_access_check": timedelta(hours=3),
            "period_offline_before_wipe_is_enforced": timedelta(days=30),
            "pin_character_set": stable.ManagedAppPinCharacterSet.Numeric,
            "pin_required": True,
            "save_as_blocked": True,
        }
        made = await policies.post(
            stable.IosManagedAppProtection(
                display_name="Stable",
                apps=[mail(stable)],
                additional_data={"maximumAllowedDeviceThreatLevel": "low"},
                **settings,
            )
        )
        builder = policies.by_ios_managed_app_protection_id(made.id)
        self.addAsyncCleanup(builder.delete)
        read = await builder.get(query(builder, expand=["apps"]))
        for name, value in settings.items():
            self.assertEqual(getattr(read, name), value, name)
        self.assertEqual([app.mobile_app_identifier.bundle_id for app in read.apps], ["org.example.Mail"])
        self.assertCountEqual(read.additional_data, ["@odata.context", "@odata.etag"], "v1.0 has no other property")
        listed = await policies.get(query(policies, filter="displayName eq 'Stable'"))
        self.assertEqual([(type(one), one.id) for one in listed.value], [(stable.IosManagedAppProtection, made.id)])
