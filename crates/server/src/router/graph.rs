//! The routes of Microsoft Graph, with the roles that each needs: the table that the router, docs/api-coverage.md and
//! the tests of rights read.

use axum::{
    Extension, Router, middleware,
    routing::{MethodRouter, delete, get, patch, post},
};

use crate::{
    App, Role, alerts, app_protection, compliance, conditional_access, connectors,
    devices::{
        self,
        commands::{self, ORDER},
        managed,
    },
    directory,
    graph::{self, Version},
    groups, notifications, reports, retire_list, users,
};

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// Below the version, such as `/users/{id}`.
    pub path: &'static str,
    /// Not under `/v1.0`.
    pub beta_only: bool,
    /// A caller needs one of these.
    pub roles: &'static [Role],
    /// What it does, for people.
    pub about: &'static str,
}

macro_rules! routes {
    ($($method:ident $path:literal => $handler:path, $roles:expr, $about:literal $(, $beta:ident)?;)+) => {
        /// Every route of the Graph face, in the order of the documentation.
        pub const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            beta_only: routes!(@beta $($beta)?),
            roles: $roles,
            about: $about,
        }),+];

        fn handlers() -> Vec<MethodRouter<App>> {
            vec![$($method($handler)),+]
        }
    };
    (@beta beta) => { true };
    (@beta) => { false };
}

routes! {
    post "/$batch" => graph::batch, &[], "up to 20 requests in one, each with its own rights";
    get "/users" => users::graph::list, users::READ, "list users";
    post "/users" => users::graph::create, users::WRITE, "create a user";
    get "/users/$count" => users::graph::count, users::READ, "how many users there are";
    get "/users/{id}" => users::graph::get, users::READ, "a user by id or principal name";
    patch "/users/{id}" => users::graph::update, users::WRITE, "change a user";
    delete "/users/{id}" => users::graph::delete, users::WRITE, "delete a user";
    get "/users/{id}/memberOf" => directory::graph::groups_of_user, users::READ, "groups that a user is in";
    get "/users/{id}/memberOf/graph.group" => directory::graph::groups_of_user, users::READ, "the same, as groups";
    get "/users/{id}/memberOf/$count" => directory::graph::count_groups_of_user, users::READ, "how many they are";
    get "/users/{id}/transitiveMemberOf/$count" => directory::graph::count_all_groups_of_user, users::READ, "how many there are, also through others";
    get "/users/{id}/transitiveMemberOf" => directory::graph::all_groups_of_user, users::READ, "groups that a user is in, also through others";
    get "/users/{id}/transitiveMemberOf/graph.group" => directory::graph::all_groups_of_user, users::READ, "the same, as groups";
    post "/users/{id}/checkMemberGroups" => directory::graph::check_groups_of_user, users::READ, "which of these groups (20) a user is in, also through others";
    post "/users/{id}/getMemberGroups" => directory::graph::group_ids_of_user, users::READ, "ids of all groups that a user is in";
    get "/users/{id}/managedDevices" => devices::graph::of_user, managed::READ, "a user's devices";
    post "/users/{id}/wipeManagedAppRegistrationsByDeviceTag" => app_protection::graph::wipe, app_protection::WRITE, "order a user's apps with a device tag to wipe their work data";
    get "/groups" => groups::graph::list, groups::READ, "list groups";
    post "/groups" => groups::graph::create, groups::WRITE, "create a group";
    get "/groups/$count" => groups::graph::count, groups::READ, "how many groups there are";
    get "/groups/{id}" => groups::graph::get, groups::READ, "a group";
    patch "/groups/{id}" => groups::graph::update, groups::WRITE, "change a group";
    delete "/groups/{id}" => groups::graph::delete, groups::WRITE, "delete a group that no policy names";
    get "/groups/{id}/members" => directory::graph::members, groups::READ, "users, devices and groups in a group";
    get "/groups/{id}/members/$count" => directory::graph::count_members, groups::READ, "how many there are";
    get "/groups/{id}/members/graph.user" => directory::graph::member_users, groups::READ, "only the users";
    get "/groups/{id}/members/graph.group" => directory::graph::member_groups, groups::READ, "only the groups";
    get "/groups/{id}/members/graph.device" => directory::graph::member_devices, groups::READ, "only the devices";
    post "/groups/{id}/members/$ref" => groups::graph::add_member, groups::WRITE_MEMBERS, "add a member";
    delete "/groups/{id}/members/{member}/$ref" => groups::graph::remove_member, groups::WRITE_MEMBERS, "remove a member";
    get "/groups/{id}/transitiveMembers" => directory::graph::transitive_members, groups::READ, "members, also of the groups within";
    get "/groups/{id}/transitiveMembers/$count" => directory::graph::count_transitive_members, groups::READ, "how many there are";
    get "/groups/{id}/transitiveMembers/graph.user" => directory::graph::transitive_member_users, groups::READ, "only the users";
    get "/groups/{id}/transitiveMembers/graph.group" => directory::graph::transitive_member_groups, groups::READ, "only the groups";
    get "/groups/{id}/transitiveMembers/graph.device" => directory::graph::transitive_member_devices, groups::READ, "only the devices";
    get "/groups/{id}/memberOf" => directory::graph::groups_of_group, groups::READ, "groups that a group is in";
    get "/groups/{id}/memberOf/graph.group" => directory::graph::groups_of_group, groups::READ, "the same, as groups";
    get "/groups/{id}/transitiveMemberOf" => directory::graph::all_groups_of_group, groups::READ, "groups that a group is in, also through others";
    get "/groups/{id}/transitiveMemberOf/graph.group" => directory::graph::all_groups_of_group, groups::READ, "the same, as groups";
    post "/groups/{id}/checkMemberGroups" => directory::graph::check_groups, directory::READ, "which of these groups (20) a group is in, also through others";
    post "/groups/{id}/getMemberGroups" => directory::graph::group_ids, directory::READ, "ids of all groups that a group is in";
    get "/directoryObjects/{id}" => directory::graph::get, directory::READ, "the user, group or device that an id names";
    post "/directoryObjects/{id}/checkMemberGroups" => directory::graph::check_groups, directory::READ, "the same of a user, group or device";
    post "/directoryObjects/{id}/getMemberGroups" => directory::graph::group_ids, directory::READ, "the same of a user, group or device";
    post "/directoryObjects/getByIds" => directory::graph::get_by_ids, directory::READ, "the same for up to 1,000 ids";
    get "/deviceManagement/managedDevices" => devices::graph::list, managed::READ, "devices with user, compliance and threat state";
    get "/deviceManagement/managedDevices/$count" => devices::graph::count, managed::READ, "how many devices there are";
    get "/deviceManagement/managedDevices/{id}" => devices::graph::get, managed::READ, "a device";
    get "/deviceManagement/managedDevices/{id}/detectedApps" => devices::graph::detected_apps, managed::READ, "apps that the device told", beta;
    post "/deviceManagement/managedDevices/{id}/users/$ref" => devices::graph::set_user, managed::WRITE, "say whose device it is", beta;
    post "/deviceManagement/managedDevices/{id}/syncDevice" => devices::graph::sync, managed::ACT, "ask the device to check in now";
    post "/deviceManagement/managedDevices/{id}/remoteLock" => commands::graph::remote_lock, ORDER, "order the device to lock its screen";
    post "/deviceManagement/managedDevices/{id}/retire" => commands::graph::retire, ORDER, "order the device to leave the organisation";
    post "/deviceManagement/managedDevices/{id}/wipe" => commands::graph::wipe, ORDER, "the same, and destroy the work data in apps";
    post "/deviceManagement/managedDevices/{id}/sendCustomNotificationToCompanyPortal" => commands::graph::notify, managed::ACT, "show the device's user a message", beta;
    get "/deviceManagement/managedDevices/{id}/deviceCompliancePolicyStates" => compliance::states::of_device, managed::READ, "what each policy says of the device, setting by setting";
    get "/deviceManagement/managedDevices/{id}/deviceCompliancePolicyStates/{state}" => compliance::states::one_of_device, managed::READ, "what one policy says of it";
    get "/deviceManagement/managedDeviceOverview" => compliance::states::managed_device_overview, managed::READ, "how many devices there are, by system";
    get "/deviceManagement" => compliance::graph::device_management, compliance::READ, "settings of compliance for every device";
    patch "/deviceManagement" => compliance::graph::set_device_management, compliance::WRITE, "change them";
    get "/deviceManagement/deviceCompliancePolicies" => compliance::graph::list, compliance::READ, "list compliance policies; $expand=assignments,scheduledActionsForRule";
    post "/deviceManagement/deviceCompliancePolicies" => compliance::graph::create, compliance::WRITE, "create an iosCompliancePolicy";
    get "/deviceManagement/deviceCompliancePolicies/$count" => compliance::graph::count, compliance::READ, "how many there are";
    get "/deviceManagement/deviceCompliancePolicies/getDevicesScheduledToRetire" => retire_list::graph::list, retire_list::READ, "devices that wait on the retire list", beta;
    post "/deviceManagement/deviceCompliancePolicies/setScheduledRetireState" => retire_list::graph::decide, retire_list::WRITE, "retire or wipe devices on the list, or take them off", beta;
    get "/deviceManagement/deviceCompliancePolicies/{id}" => compliance::graph::get, compliance::READ, "a compliance policy";
    patch "/deviceManagement/deviceCompliancePolicies/{id}" => compliance::graph::update, compliance::WRITE, "change a compliance policy";
    delete "/deviceManagement/deviceCompliancePolicies/{id}" => compliance::graph::delete, compliance::WRITE, "delete a compliance policy";
    post "/deviceManagement/deviceCompliancePolicies/{id}/assign" => compliance::graph::assign, compliance::WRITE, "replace its assignments";
    get "/deviceManagement/deviceCompliancePolicies/{id}/assignments" => compliance::graph::assignments, compliance::READ, "whom it is assigned to";
    post "/deviceManagement/deviceCompliancePolicies/{id}/assignments" => compliance::graph::add_assignment, compliance::WRITE, "add an assignment";
    get "/deviceManagement/deviceCompliancePolicies/{id}/scheduledActionsForRule" => compliance::graph::scheduled_actions, compliance::READ, "its actions for noncompliance";
    post "/deviceManagement/deviceCompliancePolicies/{id}/scheduleActionsForRules" => compliance::graph::schedule_actions, compliance::WRITE, "replace its actions for noncompliance";
    get "/deviceManagement/deviceCompliancePolicies/{id}/deviceStatuses" => compliance::states::device_statuses, compliance::READ, "what it says of each device";
    get "/deviceManagement/deviceCompliancePolicies/{id}/deviceStatusOverview" => compliance::states::device_status_overview, compliance::READ, "how many devices are in which state";
    get "/deviceManagement/deviceCompliancePolicies/{id}/deviceStatuses/$count" => compliance::states::count_device_statuses, compliance::READ, "how many devices that are";
    get "/deviceManagement/deviceCompliancePolicies/{id}/userStatuses" => compliance::states::user_statuses, compliance::READ, "the worst that it says of a device of each user";
    get "/deviceManagement/deviceCompliancePolicies/{id}/userStatusOverview" => compliance::states::user_status_overview, compliance::READ, "how many users are in which state";
    get "/deviceManagement/deviceCompliancePolicies/{id}/deviceSettingStateSummaries" => compliance::states::setting_summaries, compliance::READ, "how many devices are in which state of each setting";
    get "/deviceManagement/deviceCompliancePolicyDeviceStateSummary" => compliance::states::device_summary, compliance::READ, "how many devices are in which state, all policies together";
    get "/deviceManagement/notificationMessageTemplates" => notifications::graph::list, notifications::READ, "message templates; $expand=localizedNotificationMessages";
    post "/deviceManagement/notificationMessageTemplates" => notifications::graph::create, notifications::WRITE, "create a template";
    get "/deviceManagement/notificationMessageTemplates/{id}" => notifications::graph::get, notifications::READ, "a template";
    patch "/deviceManagement/notificationMessageTemplates/{id}" => notifications::graph::update, notifications::WRITE, "change a template";
    delete "/deviceManagement/notificationMessageTemplates/{id}" => notifications::graph::delete, notifications::WRITE, "delete a template that no policy uses";
    post "/deviceManagement/notificationMessageTemplates/{id}/sendTestMessage" => notifications::graph::send_test_message, notifications::WRITE, "mail the default message to the sender's address";
    get "/deviceManagement/notificationMessageTemplates/{id}/localizedNotificationMessages" => notifications::graph::messages, notifications::READ, "its messages, one per language";
    post "/deviceManagement/notificationMessageTemplates/{id}/localizedNotificationMessages" => notifications::graph::add_message, notifications::WRITE, "add a message";
    get "/deviceManagement/notificationMessageTemplates/{id}/localizedNotificationMessages/{message}" => notifications::graph::message, notifications::READ, "a message";
    patch "/deviceManagement/notificationMessageTemplates/{id}/localizedNotificationMessages/{message}" => notifications::graph::update_message, notifications::WRITE, "change a message";
    delete "/deviceManagement/notificationMessageTemplates/{id}/localizedNotificationMessages/{message}" => notifications::graph::delete_message, notifications::WRITE, "delete a message";
    get "/deviceManagement/mobileThreatDefenseConnectors" => connectors::graph::list, connectors::READ, "connectors with their states";
    post "/deviceManagement/mobileThreatDefenseConnectors" => connectors::graph::create, connectors::WRITE, "set a partner up";
    get "/deviceManagement/mobileThreatDefenseConnectors/{id}" => connectors::graph::get, connectors::READ, "a connector";
    patch "/deviceManagement/mobileThreatDefenseConnectors/{id}" => connectors::graph::update, connectors::WRITE, "its switches and thresholds";
    delete "/deviceManagement/mobileThreatDefenseConnectors/{id}" => connectors::graph::delete, connectors::WRITE, "take a partner away";
    get "/deviceAppManagement/iosManagedAppProtections" => app_protection::graph::list, app_protection::READ, "list app protection policies; $expand=apps,assignments";
    post "/deviceAppManagement/iosManagedAppProtections" => app_protection::graph::create, app_protection::WRITE, "create a policy";
    get "/deviceAppManagement/iosManagedAppProtections/$count" => app_protection::graph::count, app_protection::READ, "how many there are";
    get "/deviceAppManagement/iosManagedAppProtections/{id}" => app_protection::graph::get, app_protection::READ, "a policy";
    patch "/deviceAppManagement/iosManagedAppProtections/{id}" => app_protection::graph::update, app_protection::WRITE, "change a policy";
    delete "/deviceAppManagement/iosManagedAppProtections/{id}" => app_protection::graph::delete, app_protection::WRITE, "delete a policy";
    get "/deviceAppManagement/iosManagedAppProtections/{id}/apps" => app_protection::graph::policy_apps, app_protection::READ, "the apps it names";
    get "/deviceAppManagement/iosManagedAppProtections/{id}/apps/$count" => app_protection::graph::count_apps, app_protection::READ, "how many they are";
    post "/deviceAppManagement/iosManagedAppProtections/{id}/targetApps" => app_protection::graph::target_apps, app_protection::WRITE, "replace the apps";
    post "/deviceAppManagement/iosManagedAppProtections/{id}/assign" => app_protection::graph::assign, app_protection::WRITE, "replace its assignments";
    post "/deviceAppManagement/managedAppPolicies/{id}/assign" => app_protection::graph::assign, app_protection::WRITE, "the same, where Graph documents it";
    post "/deviceAppManagement/managedAppPolicies/{id}/targetApps" => app_protection::graph::target_apps, app_protection::WRITE, "the same as targetApps above";
    get "/deviceAppManagement/managedAppPolicies" => app_protection::graph::list, app_protection::READ, "the same list: there are policies for iOS alone";
    get "/deviceAppManagement/managedAppPolicies/{id}" => app_protection::graph::get, app_protection::READ, "one of them";
    get "/deviceAppManagement/iosManagedAppProtections/{id}/assignments" => app_protection::graph::assignments, app_protection::READ, "whom it is assigned to";
    post "/deviceAppManagement/iosManagedAppProtections/{id}/assignments" => app_protection::graph::add_assignment, app_protection::WRITE, "add an assignment";
    get "/deviceAppManagement/managedAppRegistrations" => app_protection::graph::registrations, app_protection::READ, "apps that registered";
    get "/deviceAppManagement/managedAppRegistrations/$count" => app_protection::graph::count_registrations, app_protection::READ, "how many there are";
    get "/deviceAppManagement/managedAppRegistrations/getUserIdsWithFlaggedAppRegistration" => app_protection::graph::flagged, app_protection::READ, "users with an app that sees a jailbreak";
    get "/deviceAppManagement/managedAppRegistrations/{id}" => app_protection::graph::registration, app_protection::READ, "an app";
    get "/deviceAppManagement/managedAppRegistrations/{id}/appliedPolicies" => app_protection::graph::policies_of, app_protection::READ, "policies that it follows";
    get "/deviceAppManagement/managedAppRegistrations/{id}/intendedPolicies" => app_protection::graph::policies_of, app_protection::READ, "policies that are meant for it";
    get "/identity/conditionalAccess/policies" => conditional_access::graph::list, conditional_access::READ, "conditional access policies, with what they said at gateways";
    post "/identity/conditionalAccess/policies" => conditional_access::graph::create, conditional_access::WRITE, "create a policy";
    get "/identity/conditionalAccess/policies/$count" => conditional_access::graph::count, conditional_access::READ, "how many there are";
    get "/identity/conditionalAccess/policies/{id}" => conditional_access::graph::get, conditional_access::READ, "a policy";
    patch "/identity/conditionalAccess/policies/{id}" => conditional_access::graph::update, conditional_access::WRITE, "change a policy";
    delete "/identity/conditionalAccess/policies/{id}" => conditional_access::graph::delete, conditional_access::WRITE, "delete a policy";
    post "/identity/conditionalAccess/evaluate" => conditional_access::what_if::evaluate, conditional_access::READ, "What If: which policies would apply to a sign-in";
    get "/identity/conditionalAccess/namedLocations" => conditional_access::locations::graph::list, conditional_access::READ, "networks and countries that policies name";
    post "/identity/conditionalAccess/namedLocations" => conditional_access::locations::graph::create, conditional_access::WRITE, "create a location";
    get "/identity/conditionalAccess/namedLocations/$count" => conditional_access::locations::graph::count, conditional_access::READ, "how many there are";
    get "/identity/conditionalAccess/namedLocations/{id}" => conditional_access::locations::graph::get, conditional_access::READ, "a location";
    patch "/identity/conditionalAccess/namedLocations/{id}" => conditional_access::locations::graph::update, conditional_access::WRITE, "change a location";
    delete "/identity/conditionalAccess/namedLocations/{id}" => conditional_access::locations::graph::delete, conditional_access::WRITE, "delete a location";
    get "/security/alerts_v2" => alerts::graph::list, alerts::graph::READ, "alerts, newest first";
    get "/security/alerts_v2/$count" => alerts::graph::count, alerts::graph::READ, "how many alerts there are";
    get "/security/alerts_v2/{id}" => alerts::graph::get, alerts::graph::READ, "an alert with its evidence";
    patch "/security/alerts_v2/{id}" => alerts::graph::update, alerts::graph::WRITE, "status, assignedTo, classification, determination";
    post "/security/alerts_v2/{id}/comments" => alerts::graph::comment, alerts::graph::WRITE, "add a comment";
    get "/informationProtection/threatAssessmentRequests" => reports::graph::list, reports::graph::READ, "reported sites";
    post "/informationProtection/threatAssessmentRequests" => reports::graph::create, reports::graph::WRITE, "report a site (urlAssessmentRequest)";
    get "/informationProtection/threatAssessmentRequests/$count" => reports::graph::count, reports::graph::READ, "how many there are";
    get "/informationProtection/threatAssessmentRequests/{id}" => reports::graph::get, reports::graph::READ, "a report; $expand=results";
}

/// Both versions.
pub fn router() -> Router<App> {
    Router::new()
        .nest("/v1.0", version(Version::V1))
        .nest("/beta", version(Version::Beta))
        .layer(middleware::from_fn(graph::shape))
}

fn version(version: Version) -> Router<App> {
    let mut router = Router::new();
    for (route, handler) in ROUTES.iter().zip(handlers()) {
        if version == Version::Beta || !route.beta_only {
            router = router.route(route.path, handler);
        }
    }
    router
        .fallback(async || http::StatusCode::NOT_FOUND)
        .layer(Extension(version))
}

/// The literal segments of all routes, for paths in another letter case.
pub fn words() -> Vec<&'static str> {
    let mut words: Vec<_> = ROUTES
        .iter()
        .flat_map(|route| route.path.split('/'))
        .filter(|segment| !segment.is_empty() && !segment.starts_with('{'))
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// docs/api-coverage.md: what there is of Graph, written from the routes.
pub fn coverage() -> String {
    let mut text = String::from(
        "# Microsoft Graph: what is there\n\n\
         Written from the list of routes; a test keeps it so. Every path stands under `/v1.0` and `/beta`, unless it says beta.\n\
         A caller needs one of the roles. `docs/graph-notes.md` says what differs from Graph and why.\n",
    );
    let mut area = "";
    for route in ROUTES {
        let first = route.path.split('/').nth(1).unwrap_or_default();
        if first != area {
            area = first;
            text.push_str(&format!(
                "\n## /{area}\n\n| call | what it does | roles |\n|---|---|---|\n"
            ));
        }
        let roles: Vec<_> = route.roles.iter().map(|role| format!("`{}`", role.as_str())).collect();
        let roles = if roles.is_empty() {
            "those of the requests inside".into()
        } else {
            roles.join(", ")
        };
        let beta = if route.beta_only { " (beta)" } else { "" };
        let method = route.method.to_ascii_uppercase();
        text.push_str(&format!(
            "| `{method} {}`{beta} | {} | {roles} |\n",
            route.path, route.about
        ));
    }
    text.push_str("\nEverything else under the two versions answers 404 `ResourceNotFound`.\n");
    text
}
