"""msgraph-sdk against `/v1.0`: users, groups, conditional access, alerts and reports."""

from datetime import datetime, timezone

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_http.middleware.options import RetryHandlerOption

from graph import Graph, models
from world import BASE, DEVICES, USERS, Models, query

security = Models("msgraph.generated.models.security")
what_if = Models("msgraph.generated.identity.conditional_access.evaluate")
by_ids = Models("msgraph.generated.directory_objects.get_by_ids")
check_groups = Models("msgraph.generated.users.item.check_member_groups")
all_groups = Models("msgraph.generated.users.item.get_member_groups")

SHAREPOINT = "00000003-0000-0ff1-ce00-000000000000"


class Directory(Graph):
    async def test_a_user_from_creation_to_deletion(self):
        made = await self.graph.users.post(
            models.User(
                account_enabled=True,
                display_name="Dora Ö'Neill",
                mail_nickname="dora",
                user_principal_name="dora@corp.example",
                password_profile=models.PasswordProfile(password="not kept", force_change_password_next_sign_in=True),
            )
        )
        builder = self.graph.users.by_user_id("DORA@corp.example")
        read = await builder.get()
        self.assertEqual(
            (read.id, read.display_name, read.user_principal_name, read.account_enabled),
            (made.id, "Dora Ö'Neill", "dora@corp.example", True),
        )
        users = self.graph.users
        found = await users.get(query(users, filter="displayName eq 'Dora Ö''Neill'", select=["id"]))
        self.assertEqual([one.id for one in found.value], [made.id])
        await builder.patch(models.User(account_enabled=False, display_name="Dora"))
        changed = await builder.get()
        self.assertEqual((changed.account_enabled, changed.display_name), (False, "Dora"))
        twin = models.User(display_name="x", user_principal_name="dora@CORP.example")
        await self.refused(409, "Conflict", users.post(twin))
        self.assertEqual(await users.count.get(query(users.count, filter="startswith(displayName,'Dora')")), 1)
        await builder.delete()
        await self.refused(404, "ResourceNotFound", builder.get())

    async def test_groups_nest(self):
        inner = await self.group("Inner", USERS["anna"])
        outer = await self.group("Outer", USERS["bert"], inner.id, DEVICES["carl"])
        members = self.graph.groups.by_group_id(outer.id).members
        kinds = {one.id: type(one) for one in (await members.get()).value}
        self.assertEqual(kinds, {USERS["bert"]: models.User, inner.id: models.Group, DEVICES["carl"]: models.Device})
        everybody = await self.graph.groups.by_group_id(outer.id).transitive_members.get()
        self.assertCountEqual(
            [one.id for one in everybody.value], [USERS["anna"], USERS["bert"], inner.id, DEVICES["carl"]]
        )
        anna = next(one for one in everybody.value if one.id == USERS["anna"])
        self.assertEqual((anna.display_name, anna.user_principal_name), ("anna", "anna@corp.example"))
        of_anna = self.graph.users.by_user_id(USERS["anna"]).transitive_member_of
        self.assertCountEqual([one.display_name for one in (await of_anna.get()).value], ["Inner", "Outer"])
        self.assertCountEqual([one.id for one in (await of_anna.graph_group.get()).value], [inner.id, outer.id])
        reference = models.ReferenceCreate(odata_id=f"{BASE}/v1.0/directoryObjects/{outer.id}")
        await self.refused(400, "BadRequest", self.graph.groups.by_group_id(inner.id).members.ref.post(reference))
        await members.by_directory_object_id(inner.id).ref.delete()
        self.assertEqual((await of_anna.get()).value[0].id, inner.id)

    async def test_members_are_cast_counted_and_filtered(self):
        inner = await self.group("Inner", USERS["bert"])
        outer = await self.group("Outer", USERS["anna"], inner.id, DEVICES["carl"])
        group = self.graph.groups.by_group_id(outer.id)
        user = (await group.members.graph_user.get()).value[0]
        self.assertIsInstance(user, models.User)
        self.assertEqual(
            (user.id, user.user_principal_name, user.mail, user.account_enabled),
            (USERS["anna"], "anna@corp.example", "anna@corp.example", True),
        )
        device = (await group.members.graph_device.get()).value[0]
        self.assertIsInstance(device, models.Device)
        self.assertEqual(
            (device.id, device.device_id, device.display_name, device.operating_system, device.operating_system_version),
            (DEVICES["carl"], DEVICES["carl"], "iphone-of-carl", "iOS", "18.7.2"),
        )
        nested = (await group.members.graph_group.get()).value[0]
        self.assertEqual((type(nested), nested.mail_nickname), (models.Group, "inner"))
        self.assertEqual(await group.members.count.get(), 3)
        self.assertEqual(await group.transitive_members.count.get(), 4)
        everybody = await group.transitive_members.graph_user.get()
        self.assertEqual([one.display_name for one in everybody.value], ["anna", "bert"])
        some = await group.members.get(query(group.members, filter="startswith(displayName,'iphone')"))
        self.assertEqual([one.id for one in some.value], [DEVICES["carl"]])
        of_inner = await self.graph.groups.by_group_id(inner.id).member_of.get()
        self.assertEqual([(type(one), one.id) for one in of_inner.value], [(models.Group, outer.id)])
        bert = self.graph.users.by_user_id("bert@corp.example")
        self.assertEqual([one.id for one in (await bert.member_of.graph_group.get()).value], [inner.id])
        self.assertEqual([one.id for one in (await bert.member_of.get()).value], [inner.id])
        first = await group.members.get(query(group.members, top=1))
        rest = await group.members.with_url((await group.members.with_url(first.odata_next_link).get()).odata_next_link).get()
        self.assertEqual((rest.value[0].id, rest.odata_next_link), (DEVICES["carl"], None))

    async def test_memberships_are_expanded(self):
        group = await self.group("Expanded", USERS["anna"], DEVICES["bert"])
        groups, builder = self.graph.groups, self.graph.groups.by_group_id(group.id)
        read = await builder.get(query(builder, expand=["members"]))
        self.assertEqual(
            [(type(one), one.id) for one in read.members], [(models.User, USERS["anna"]), (models.Device, DEVICES["bert"])]
        )
        listed = await groups.get(query(groups, filter="displayName eq 'Expanded'", expand=["members($select=id)"]))
        self.assertEqual([(one.id, one.display_name) for one in listed.value[0].members], [(USERS["anna"], None), (DEVICES["bert"], None)])
        users = self.graph.users
        anna = next(one for one in (await users.get(query(users, expand=["memberOf"]))).value if one.id == USERS["anna"])
        self.assertIn(group.id, [one.id for one in anna.member_of])
        unknown = groups.get(query(groups, expand=["owners"]))
        self.assertIn("owners", await self.refused(400, "BadRequest", unknown))

    async def test_members_are_bound(self):
        def bound(*members):
            return {"members@odata.bind": [f"{BASE}/v1.0/directoryObjects/{member}" for member in members]}

        draft = models.Group(
            display_name="Bound",
            mail_nickname="bound",
            mail_enabled=False,
            security_enabled=True,
            additional_data=bound(USERS["anna"]) | {"owners@odata.bind": [f"{BASE}/v1.0/users/{USERS['carl']}"]},
        )
        made = await self.graph.groups.post(draft)
        builder = self.graph.groups.by_group_id(made.id)
        self.addAsyncCleanup(builder.delete)
        self.assertEqual([one.id for one in (await builder.members.get()).value], [USERS["anna"]])
        await builder.patch(models.Group(additional_data=bound(USERS["bert"], DEVICES["carl"])))
        ids = [one.id for one in (await builder.members.get()).value]
        self.assertEqual(ids, [USERS["anna"], USERS["bert"], DEVICES["carl"]])
        many = builder.patch(models.Group(additional_data=bound(*[USERS["carl"]] * 21)))
        self.assertIn("members@odata.bind", await self.refused(400, "BadRequest", many))

    async def test_objects_by_their_ids(self):
        group = await self.group("Found", USERS["anna"])
        objects = self.graph.directory_objects
        one = await objects.by_directory_object_id(DEVICES["anna"]).get()
        self.assertEqual((type(one), one.display_name), (models.Device, "iphone-of-anna"))
        body = by_ids.GetByIdsPostRequestBody(ids=[USERS["bert"], group.id], types=["user", "group"])
        found = await objects.get_by_ids.post(body)
        self.assertCountEqual([(type(one), one.id) for one in found.value], [(models.User, USERS["bert"]), (models.Group, group.id)])
        anna = self.graph.users.by_user_id(USERS["anna"])
        body = check_groups.CheckMemberGroupsPostRequestBody(group_ids=[group.id, USERS["bert"]])
        self.assertEqual((await anna.check_member_groups.post(body)).value, [group.id])
        body = all_groups.GetMemberGroupsPostRequestBody(security_enabled_only=True)
        self.assertIn(group.id, (await anna.get_member_groups.post(body)).value)

    async def test_a_search(self):
        users = self.graph.users
        headers = HeadersCollection()
        headers.add("ConsistencyLevel", "eventual")
        wanted = query(users, search='"displayName:ber" OR "mail:carl"', count=True)
        refused = await self.refused(400, "BadRequest", users.get(wanted))
        self.assertIn("ConsistencyLevel", refused)
        wanted.headers = headers
        found = await users.get(wanted)
        self.assertEqual(([one.display_name for one in found.value], found.odata_count), (["bert", "carl"], 2))

    async def test_a_group_changes(self):
        made = await self.group("Before")
        builder = self.graph.groups.by_group_id(made.id)
        read = await builder.get()
        self.assertEqual((read.mail_nickname, read.security_enabled, read.group_types), ("before", True, []))
        read.display_name, read.description = "After", "Renamed"
        await builder.patch(read)
        changed = await builder.get()
        self.assertEqual(
            (changed.display_name, changed.description, changed.mail_nickname), ("After", "Renamed", "before")
        )


class ConditionalAccess(Graph):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.policies = self.graph.identity.conditional_access.policies
        self.locations = self.graph.identity.conditional_access.named_locations

    def draft(self, **conditions):
        apps, platforms = models.ConditionalAccessClientApp, models.ConditionalAccessDevicePlatform
        return models.ConditionalAccessPolicy(
            display_name="Compliant phones",
            state=models.ConditionalAccessPolicyState.EnabledForReportingButNotEnforced,
            conditions=models.ConditionalAccessConditionSet(
                applications=models.ConditionalAccessApplications(include_applications=["All"]),
                client_app_types=[apps.Browser, apps.MobileAppsAndDesktopClients],
                platforms=models.ConditionalAccessPlatforms(include_platforms=[platforms.IOS]),
                **conditions,
            ),
            grant_controls=models.ConditionalAccessGrantControls(
                operator="OR",
                built_in_controls=[
                    models.ConditionalAccessGrantControl.CompliantDevice,
                    models.ConditionalAccessGrantControl.CompliantApplication,
                ],
            ),
        )

    async def create(self, draft):
        made = await self.policies.post(draft)
        builder = self.policies.by_conditional_access_policy_id(made.id)
        self.addAsyncCleanup(builder.delete)
        return made, builder

    async def office(self):
        ranges = [
            models.IPv4CidrRange(cidr_address="203.0.113.0/24"),
            models.IPv6CidrRange(cidr_address="2001:db8::/48"),
        ]
        office = models.IpNamedLocation(display_name="Office", is_trusted=True, ip_ranges=ranges)
        made = await self.locations.post(office)
        builder = self.locations.by_named_location_id(made.id)
        self.addAsyncCleanup(builder.delete)
        return made, builder

    async def test_a_policy_is_typed_from_creation_to_deletion(self):
        staff = await self.group("Staff", USERS["anna"])
        users = models.ConditionalAccessUsers(include_groups=[staff.id], exclude_users=[USERS["carl"]])
        made, builder = await self.create(self.draft(users=users))
        apps, platforms = models.ConditionalAccessClientApp, models.ConditionalAccessDevicePlatform
        read = await builder.get()
        for policy in (made, read):
            conditions = policy.conditions
            self.assertEqual(policy.state, models.ConditionalAccessPolicyState.EnabledForReportingButNotEnforced)
            self.assertEqual(conditions.applications.include_applications, ["All"])
            self.assertEqual(conditions.applications.exclude_applications, [])
            self.assertEqual(conditions.users.include_groups, [staff.id])
            self.assertEqual(conditions.users.exclude_users, [USERS["carl"]])
            self.assertEqual(conditions.client_app_types, [apps.Browser, apps.MobileAppsAndDesktopClients])
            self.assertEqual(conditions.platforms.include_platforms, [platforms.IOS])
            self.assertIsNone(conditions.locations)
            self.assertEqual(policy.grant_controls.operator, "OR")
            self.assertEqual(
                policy.grant_controls.built_in_controls,
                [
                    models.ConditionalAccessGrantControl.CompliantDevice,
                    models.ConditionalAccessGrantControl.CompliantApplication,
                ],
            )
            self.assertIsNone(policy.session_controls)
        self.assertNow(read.created_date_time)
        self.assertIsNone(read.modified_date_time)

        read.state = models.ConditionalAccessPolicyState.Disabled
        await builder.patch(read)
        changed = await builder.get()
        self.assertEqual(changed.state, models.ConditionalAccessPolicyState.Disabled)
        self.assertEqual(changed.conditions.users.include_groups, [staff.id], "the rest stays")
        self.assertNow(changed.modified_date_time)
        found = await self.policies.get(query(self.policies, filter="displayName eq 'Compliant phones'"))
        self.assertEqual([policy.id for policy in found.value], [made.id])

    async def test_risk_locations_and_filters_come_back(self):
        office, _ = await self.office()
        draft = self.draft(
            users=models.ConditionalAccessUsers(include_users=["All"]),
            locations=models.ConditionalAccessLocations(include_locations=["All"], exclude_locations=[office.id]),
            sign_in_risk_levels=[models.RiskLevel.High, models.RiskLevel.Medium],
            user_risk_levels=[models.RiskLevel.None_],
            devices=models.ConditionalAccessDevices(
                device_filter=models.ConditionalAccessFilter(
                    mode=models.FilterMode.Exclude, rule='device.model -startsWith "iPhone"'
                )
            ),
        )
        _, builder = await self.create(draft)
        conditions = (await builder.get()).conditions
        self.assertEqual(conditions.locations.exclude_locations, [office.id])
        self.assertEqual(conditions.sign_in_risk_levels, [models.RiskLevel.High, models.RiskLevel.Medium])
        self.assertEqual(conditions.user_risk_levels, [models.RiskLevel.None_])
        self.assertEqual(conditions.devices.device_filter.mode, models.FilterMode.Exclude)
        self.assertEqual(conditions.devices.device_filter.rule, 'device.model -startsWith "iPhone"')

    async def test_named_locations(self):
        made, builder = await self.office()
        self.assertIsInstance(made, models.IpNamedLocation)
        read = await builder.get()
        self.assertEqual(
            [(type(one), one.cidr_address) for one in read.ip_ranges],
            [(models.IPv4CidrRange, "203.0.113.0/24"), (models.IPv6CidrRange, "2001:db8::/48")],
        )
        self.assertEqual((read.display_name, read.is_trusted), ("Office", True))
        read.is_trusted = False
        await builder.patch(read)
        changed = await builder.get()
        self.assertEqual((changed.is_trusted, len(changed.ip_ranges)), (False, 2))

        country = await self.locations.post(
            models.CountryNamedLocation(
                display_name="Home",
                countries_and_regions=["DE", "CH"],
                include_unknown_countries_and_regions=False,
                country_lookup_method=models.CountryLookupMethodType.ClientIpAddress,
            )
        )
        self.addAsyncCleanup(self.locations.by_named_location_id(country.id).delete)
        read = next(one for one in (await self.locations.get()).value if one.id == country.id)
        self.assertIsInstance(read, models.CountryNamedLocation)
        self.assertEqual(
            (read.countries_and_regions, read.country_lookup_method),
            (["DE", "CH"], models.CountryLookupMethodType.ClientIpAddress),
        )

    async def test_what_if(self):
        staff = await self.group("Staff", USERS["anna"])
        office, _ = await self.office()
        draft = self.draft(
            users=models.ConditionalAccessUsers(include_groups=[staff.id]),
            locations=models.ConditionalAccessLocations(include_locations=["All"], exclude_locations=[office.id]),
        )
        made, _ = await self.create(draft)
        reasons, platforms = models.WhatIfAnalysisReasons, models.ConditionalAccessDevicePlatform
        for user, address, platform, reason in [
            ("anna", "192.0.2.1", platforms.IOS, reasons.NotSet),
            ("anna", "203.0.113.9", platforms.IOS, reasons.Location),
            ("anna", "192.0.2.1", platforms.Windows, reasons.DevicePlatform),
            ("bert", "192.0.2.1", platforms.IOS, reasons.Users),
        ]:
            body = what_if.EvaluatePostRequestBody(
                sign_in_identity=models.UserSignIn(user_id=USERS[user]),
                sign_in_context=models.ApplicationContext(include_applications=[SHAREPOINT]),
                sign_in_conditions=models.SignInConditions(
                    device_platform=platform,
                    client_app_type=models.ConditionalAccessClientApp.Browser,
                    ip_address=address,
                    sign_in_risk_level=models.RiskLevel.None_,
                    device_info=models.DeviceInfo(is_compliant=False, operating_system="iOS"),
                ),
                applied_policies_only=False,
            )
            answer = await self.graph.identity.conditional_access.evaluate.post(body)
            result = next(one for one in answer.value if one.id == made.id)
            self.assertIsInstance(result, models.WhatIfAnalysisResult)
            self.assertEqual(
                (result.policy_applies, result.analysis_reasons),
                (reason == reasons.NotSet, [reason]),
                (user, address, platform),
            )
            self.assertEqual(result.display_name, "Compliant phones")

    async def test_a_policy_that_names_nobody_is_refused(self):
        users = models.ConditionalAccessUsers(include_groups=["00000000-0000-4000-8000-000000000000"])
        nobody = self.draft(users=users)
        message = await self.refused(400, "BadRequest", self.policies.post(nobody))
        self.assertIn("includeGroups", message)


class Alerts(Graph):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.alerts = self.graph.security.alerts_v2

    async def test_the_jailbreak_is_an_alert(self):
        found = await self.alerts.get(query(self.alerts, filter="severity eq 'high' and status eq 'new'", count=True))
        self.assertEqual(found.odata_count, 1)
        alert = await self.alerts.by_alert_id(found.value[0].id).get()
        self.assertEqual(
            (
                alert.severity,
                alert.status,
                alert.classification,
                alert.determination,
                alert.service_source,
                alert.detection_source,
                alert.product_name,
                alert.assigned_to,
            ),
            (
                security.AlertSeverity.High,
                security.AlertStatus.New,
                security.AlertClassification.Unknown,
                security.AlertDetermination.Unknown,
                security.ServiceSource.MicrosoftDefenderForEndpoint,
                security.DetectionSource.MicrosoftDefenderForEndpoint,
                "Moat",
                None,
            ),
        )
        self.assertNow(alert.created_date_time)
        self.assertEqual(alert.first_activity_date_time, datetime(2025, 11, 24, 16, 0, 1, tzinfo=timezone.utc))
        device, file = alert.evidence
        self.assertIsInstance(device, security.DeviceEvidence)
        self.assertEqual((device.mde_device_id, device.device_dns_name), (DEVICES["bert"], "iphone-of-bert"))
        self.assertEqual(device.roles, [security.EvidenceRole.Compromised])
        self.assertEqual(device.verdict, security.EvidenceVerdict.Suspicious)
        self.assertEqual(device.remediation_status, security.EvidenceRemediationStatus.None_)
        self.assertIsInstance(file, security.FileEvidence)
        self.assertEqual(file.file_details.file_name, "/var/jb is a symlink")

    async def test_the_blocked_site_is_an_alert_that_gets_decided(self):
        found = await self.alerts.get(query(self.alerts, filter="title eq 'A bad site'", top=1))
        alert = found.value[0]
        self.assertEqual(alert.detection_source, security.DetectionSource.CustomTi)
        sites = [one.url for one in alert.evidence if isinstance(one, security.UrlEvidence)]
        self.assertEqual(sites, ["www.evil.example"])
        builder = self.alerts.by_alert_id(alert.id)
        changed = await builder.patch(
            security.Alert(
                status=security.AlertStatus.InProgress,
                assigned_to="anna@corp.example",
                classification=security.AlertClassification.TruePositive,
                determination=security.AlertDetermination.Phishing,
            )
        )
        self.assertEqual(
            (changed.status, changed.assigned_to, changed.classification, changed.determination),
            (
                security.AlertStatus.InProgress,
                "anna@corp.example",
                security.AlertClassification.TruePositive,
                security.AlertDetermination.Phishing,
            ),
        )
        await builder.comments.post([security.AlertComment(comment="Looked at")])
        for text in [
            "status eq 'inProgress'",
            "classification eq 'truePositive'",
            "determination eq 'phishing'",
            "assignedTo eq 'anna@corp.example'",
            "serviceSource eq 'microsoftDefenderForEndpoint' and status ne 'new'",
        ]:
            found = await self.alerts.get(query(self.alerts, filter=text))
            self.assertEqual([one.id for one in found.value], [alert.id], text)
        self.assertEqual([one.comment for one in found.value[0].comments], ["Looked at"])
        back = await builder.patch(security.Alert(status=security.AlertStatus.New, assigned_to=""))
        self.assertEqual((back.status, back.assigned_to), (security.AlertStatus.New, None))

    async def test_the_newest_alert_comes_first(self):
        times = [alert.created_date_time for alert in (await self.alerts.get()).value]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertGreaterEqual(len(times), 2)


class ThreatAssessment(Graph):
    async def test_an_unsafe_site_is_reported(self):
        requests = self.graph.information_protection.threat_assessment_requests
        made = await requests.post(
            models.UrlAssessmentRequest(
                url="http://phish.example/login",
                expected_assessment=models.ThreatExpectedAssessment.Block,
                category=models.ThreatCategory.Phishing,
            )
        )
        builder = requests.by_threat_assessment_request_id(made.id)
        read = await builder.get(query(builder, expand=["results"]))
        for report in (made, read):
            self.assertIsInstance(report, models.UrlAssessmentRequest)
            self.assertEqual(
                (
                    report.url,
                    report.expected_assessment,
                    report.category,
                    report.status,
                    report.content_type,
                    report.request_source,
                ),
                (
                    "http://phish.example/login",
                    models.ThreatExpectedAssessment.Block,
                    models.ThreatCategory.Phishing,
                    models.ThreatAssessmentStatus.Pending,
                    models.ThreatAssessmentContentType.Url,
                    models.ThreatAssessmentRequestSource.Administrator,
                ),
            )
        self.assertNow(read.created_date_time)
        self.assertEqual((read.results, read.created_by.user.display_name), ([], "client administrator"))
        self.assertIn(made.id, [one.id for one in (await requests.get()).value])
        await self.refused(429, "TooManyRequests", self.again("http://phish.example/login"))

    async def again(self, url):
        """The same report, without the patience that the SDK has by itself."""
        at_once = RequestConfiguration(options=[RetryHandlerOption(max_retries=0, should_retry=False)])
        report = models.UrlAssessmentRequest(
            url=url,
            expected_assessment=models.ThreatExpectedAssessment.Block,
            category=models.ThreatCategory.Phishing,
        )
        await self.graph.information_protection.threat_assessment_requests.post(report, at_once)

    async def test_reports_are_found(self):
        requests = self.graph.information_protection.threat_assessment_requests
        made = []
        for url, expected, category in [
            ("http://one.example/", models.ThreatExpectedAssessment.Block, models.ThreatCategory.Malware),
            ("http://two.example/", models.ThreatExpectedAssessment.Unblock, models.ThreatCategory.Spam),
        ]:
            report = models.UrlAssessmentRequest(url=url, expected_assessment=expected, category=category)
            made.append((await requests.post(report)).id)
        for text, expected in [
            ("status eq 'pending' and contentType eq 'url' and category eq 'malware'", made[:1]),
            ("category in ('spam','malware') and createdDateTime gt 2020-01-01T00:00:00Z", made),
        ]:
            found = await requests.get(query(requests, filter=text, orderby=["createdDateTime"], count=True))
            ids = [one.id for one in found.value if one.id in made]
            self.assertEqual(ids, expected, text)
        page = await requests.get(query(requests, top=1, filter="startswith(url,'http://')"))
        self.assertEqual(len(page.value), 1)
        self.assertIsNotNone(page.odata_next_link)
        self.assertGreaterEqual(await requests.count.get(), 2)
