"""msgraph-beta-sdk against `/beta`, and what `/v1.0` makes of fields that only beta has."""

import asyncio

from msgraph import GraphServiceClient
from msgraph.generated.models.ios_compliance_policy import IosCompliancePolicy as StablePolicy
from msgraph_beta import GraphServiceClient as BetaServiceClient
from msgraph_beta.generated.models.device_management.device_management import DeviceManagement
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError

from world import BASE, DEVICES, USERS, Case, Models, credential, query

models = Models("msgraph_beta.generated.models")
stable = Models("msgraph.generated.models")
policy_actions = Models("msgraph_beta.generated.device_management.device_compliance_policies.item.assign")
retire_state = Models(
    "msgraph_beta.generated.device_management.device_compliance_policies.set_scheduled_retire_state"
)

OWN_CONNECTOR = "fc780465-2017-40d4-a0c5-307022471b92"


class Beta(Case):
    sdk = BetaServiceClient
    error = ODataError
    version = "beta"
    client = "beta"

    def rule(self, of, kinds):
        actions = [of.DeviceComplianceActionItem(action_type=kind, grace_period_hours=hours) for kind, hours in kinds]
        return of.DeviceComplianceScheduledActionForRule(
            rule_name="PasswordRequired", scheduled_action_configurations=actions
        )

    async def create(self, **settings):
        kinds = settings.pop("kinds", [(models.DeviceComplianceActionType.Block, 0)])
        policies = self.graph.device_management.device_compliance_policies
        draft = models.IosCompliancePolicy(scheduled_actions_for_rule=[self.rule(models, kinds)], **settings)
        made = await policies.post(draft)
        builder = policies.by_device_compliance_policy_id(made.id)
        self.addAsyncCleanup(builder.delete)
        return made, builder

    async def test_fields_of_beta_are_typed(self):
        levels, kinds = models.DeviceThreatProtectionLevel, models.DeviceComplianceActionType
        wanted = [(kinds.Block, 1), (kinds.RemoteLock, 48)]
        made, builder = await self.create(
            display_name="Beta",
            kinds=wanted,
            advanced_threat_protection_required_security_level=levels.Secured,
            device_threat_protection_required_security_level=levels.NotSet,
            os_minimum_build_version="22H123",
            os_maximum_build_version="23A5287g",
            passcode_minutes_of_inactivity_before_screen_timeout=5,
            restricted_apps=[models.AppListItem(name="Game", app_id="com.example.game", publisher="Example")],
        )
        read = await builder.get(query(builder, expand=["scheduledActionsForRule"]))
        for policy in (made, read):
            self.assertIsInstance(policy, models.IosCompliancePolicy)
            self.assertEqual(
                (
                    policy.advanced_threat_protection_required_security_level,
                    policy.device_threat_protection_required_security_level,
                    policy.os_minimum_build_version,
                    policy.os_maximum_build_version,
                    policy.passcode_minutes_of_inactivity_before_screen_timeout,
                    [(app.name, app.app_id, app.publisher) for app in policy.restricted_apps],
                    policy.role_scope_tag_ids,
                    policy.additional_data["moatPartnerUnresponsive"],
                ),
                (
                    levels.Secured,
                    levels.NotSet,
                    "22H123",
                    "23A5287g",
                    5,
                    [("Game", "com.example.game", "Example")],
                    ["0"],
                    "keepLastKnown",
                ),
            )
        actions = read.scheduled_actions_for_rule[0].scheduled_action_configurations
        self.assertCountEqual([(one.action_type, one.grace_period_hours) for one in actions], wanted)
        read.additional_data["moatPartnerUnresponsive"] = "block"
        read.restricted_apps = []
        changed = await builder.patch(read)
        self.assertEqual(changed.additional_data["moatPartnerUnresponsive"], "block")
        self.assertEqual((changed.restricted_apps, changed.os_minimum_build_version), ([], "22H123"))

    async def test_the_stable_sdk_carries_fields_of_beta(self):
        credentials = credential("administrator")
        self.addAsyncCleanup(credentials.close)
        graph = GraphServiceClient(credentials=credentials, scopes=[f"{BASE}/.default"])
        graph.request_adapter.base_url = f"{BASE}/v1.0"
        block = [(stable.DeviceComplianceActionType.Block, 0)]
        made = await graph.device_management.device_compliance_policies.post(
            stable.IosCompliancePolicy(
                display_name="Carried",
                scheduled_actions_for_rule=[self.rule(stable, block)],
                additional_data={
                    "advancedThreatProtectionRequiredSecurityLevel": "medium",
                    "osMinimumBuildVersion": "22H123",
                },
            )
        )
        self.assertIsInstance(made, StablePolicy)
        self.assertNotIn("osMinimumBuildVersion", made.additional_data, "v1.0 does not have it")
        policies = self.graph.device_management.device_compliance_policies
        builder = policies.by_device_compliance_policy_id(made.id)
        self.addAsyncCleanup(builder.delete)
        read = await builder.get()
        self.assertEqual(
            (read.advanced_threat_protection_required_security_level, read.os_minimum_build_version),
            (models.DeviceThreatProtectionLevel.Medium, "22H123"),
        )

    async def test_a_device_says_why(self):
        _, builder = await self.create(
            display_name="No jailbreaks",
            security_block_jailbroken_devices=True,
            description="Said in the reasons",
        )
        everything = models.DeviceCompliancePolicyAssignment(target=models.AllDevicesAssignmentTarget())
        await builder.assign.post(policy_actions.AssignPostRequestBody(assignments=[everything]))
        device = await self.graph.device_management.managed_devices.by_managed_device_id(DEVICES["bert"]).get()
        self.assertEqual(device.compliance_state, models.ComplianceState.Noncompliant)
        self.assertEqual(device.owner_type, models.OwnerType.Company)
        # The SDK keeps unknown lists as parse nodes.
        self.assertIn("moatReasons", device.additional_data)
        target = (await builder.assignments.get()).value[0].target
        self.assertIsInstance(target, models.AllDevicesAssignmentTarget)

    async def test_states_that_only_beta_has(self):
        connectors = self.graph.device_management.mobile_threat_defense_connectors
        made = await connectors.post(models.MobileThreatDefenseConnector(ios_enabled=True, mac_enabled=True))
        builder = connectors.by_mobile_threat_defense_connector_id(made.id)
        self.addAsyncCleanup(builder.delete)
        read = await builder.get()
        self.assertEqual(
            (read.partner_state, read.ios_enabled, read.mac_enabled, read.partner_unresponsiveness_threshold_in_days),
            (models.MobileThreatPartnerTenantState.NotSetUp, True, True, 7),
        )
        read.allow_partner_to_collect_ios_certificate_metadata = True
        changed = await builder.patch(read)
        self.assertEqual(changed.allow_partner_to_collect_ios_certificate_metadata, True)

    async def test_settings_that_only_beta_has(self):
        management = self.graph.device_management
        self.assertEqual((await management.get()).settings.enhanced_jail_break, False)
        for value in (True, False):
            settings = models.DeviceManagementSettings(enhanced_jail_break=value)
            changed = (await management.patch(DeviceManagement(settings=settings))).settings
            self.assertEqual((changed.enhanced_jail_break, changed.secure_by_default), (value, True))

    async def test_alerts_and_directory_are_there_too(self):
        alerts = self.graph.security.alerts_v2
        found = await alerts.get(query(alerts, filter="severity eq 'high'"))
        security = Models("msgraph_beta.generated.models.security")
        self.assertEqual([alert.severity for alert in found.value], [security.AlertSeverity.High])
        device = found.value[0].evidence[0]
        self.assertIsInstance(device, security.DeviceEvidence)
        self.assertEqual(device.mde_device_id, DEVICES["bert"])
        user = await self.graph.users.by_user_id("anna@corp.example").get()
        self.assertEqual((user.id, user.additional_data["moatBreakGlass"]), (USERS["anna"], False))

    async def test_options_without_the_dollar(self):
        users = self.graph.users.with_url(f"{BASE}/beta/users?filter=startswith(displayName,'b')&select=id&count=true")
        found = await users.get()
        self.assertEqual((found.odata_count, [user.id for user in found.value]), (1, [USERS["bert"]]))

    async def test_message_templates_and_steps_at_any_hour(self):
        templates = self.graph.device_management.notification_message_templates
        options, kinds = models.NotificationTemplateBrandingOptions, models.DeviceComplianceActionType
        made = await templates.post(
            models.NotificationMessageTemplate(
                display_name="Not compliant",
                description="For everybody",
                default_locale="en-us",
                branding_options=options.IncludeDeviceDetails,
                role_scope_tag_ids=["0"],
            )
        )
        self.assertEqual(made.branding_options, [options.IncludeDeviceDetails])
        template = templates.by_notification_message_template_id(made.id)
        # The SDK reads several flags and writes one.
        both = {"brandingOptions": "includeDeviceDetails,includeCompanyName"}
        await template.patch(models.NotificationMessageTemplate(additional_data=both))
        for locale, subject in (("en-us", "{{DeviceName}}"), ("de-de", "{{DeviceName}}: bitte prüfen")):
            await template.localized_notification_messages.post(
                models.LocalizedNotificationMessage(
                    locale=locale, subject=subject, message_template="{{UserName}}: {{OSAndVersion}}", is_default=False
                )
            )
        read = await template.get(query(template, expand=["localizedNotificationMessages"]))
        self.assertEqual(
            (read.description, read.branding_options, read.default_locale),
            ("For everybody", [options.IncludeCompanyName, options.IncludeDeviceDetails], "en-US"),
        )
        messages = {one.locale: (one.subject, one.is_default) for one in read.localized_notification_messages}
        self.assertEqual(messages, {"en-US": ("{{DeviceName}}", True), "de-DE": ("{{DeviceName}}: bitte prüfen", False)})
        german = next(one for one in read.localized_notification_messages if one.locale == "de-DE")
        builder = template.localized_notification_messages.by_localized_notification_message_id(german.id)
        changed = await builder.patch(models.LocalizedNotificationMessage(is_default=True))
        self.assertEqual((changed.is_default, (await template.get()).default_locale), (True, "de-DE"))
        wrong = models.LocalizedNotificationMessage(message_template="{{Serial}}")
        self.assertIn("{{Serial}}", await self.refused(400, "BadRequest", builder.patch(wrong)))

        mail = models.DeviceComplianceActionItem(
            action_type=kinds.Notification, grace_period_hours=5, notification_template_id=made.id
        )
        rule = self.rule(models, [(kinds.Block, 0), (kinds.Retire, 7)])
        rule.scheduled_action_configurations.append(mail)
        policies = self.graph.device_management.device_compliance_policies
        policy = await policies.post(
            models.IosCompliancePolicy(display_name="With mail", scheduled_actions_for_rule=[rule])
        )
        self.assertIn("With mail", await self.refused(409, "Conflict", template.delete()))
        await policies.by_device_compliance_policy_id(policy.id).delete()
        await template.delete()

    async def test_the_retire_list(self):
        retire = self.rule(
            models, [(models.DeviceComplianceActionType.Block, 0), (models.DeviceComplianceActionType.Retire, 0)]
        )
        policies = self.graph.device_management.device_compliance_policies
        policy = await policies.post(
            models.IosCompliancePolicy(
                display_name="Retire", security_block_jailbroken_devices=True, scheduled_actions_for_rule=[retire]
            )
        )
        builder = policies.by_device_compliance_policy_id(policy.id)
        self.addAsyncCleanup(builder.delete)
        everything = models.DeviceCompliancePolicyAssignment(target=models.AllDevicesAssignmentTarget())
        await builder.assign.post(policy_actions.AssignPostRequestBody(assignments=[everything]))
        listed = []
        for _ in range(100):
            listed = (await policies.get_devices_scheduled_to_retire.get()).value
            if listed:
                break
            await asyncio.sleep(0.1)
        self.assertEqual(
            [(one.managed_device_id, one.device_compliance_policy_name, one.compliance_state) for one in listed],
            [(DEVICES["bert"], "Retire", models.ComplianceStatus.NonCompliant)],
        )
        self.assertEqual(
            (listed[0].device_type, listed[0].management_agent, listed[0].owner_type),
            (models.DeviceType.IPhone, models.ManagementAgentType.Mdm, models.ManagedDeviceOwnerType.Company),
        )
        cancel = retire_state.SetScheduledRetireStatePostRequestBody(
            state=models.ScheduledRetireState.CancelRetire, managed_device_ids=[DEVICES["bert"]]
        )
        await policies.set_scheduled_retire_state.post(cancel)
        self.assertEqual((await policies.get_devices_scheduled_to_retire.get()).value, [])
