//! A conditional access policy as a guided form, and back.

use moat_model::{
    GroupId,
    conditional_access::{
        ApplicationRef, Applications, ClientAppType, ConditionalAccessPolicy, Conditions, DeviceFilter, DevicePlatform,
        Devices, FilterMode, GrantControl, GrantControls, GrantOperator, LocationRef, PolicyState, RoleId, UserRef,
        Users,
    },
};

use crate::{
    App,
    accounts::session::Fields,
    caller::{AdministratorRole, Caller},
    console::Wrong,
    error::{Error, Result},
    gateways,
    language::Language,
    policies::{
        self, Kind,
        console::{
            self as pages,
            form::{Input, Shape, Step, Word, choices, lines, named, said},
        },
    },
    users,
};

pub const STATES: &[Word] = &[
    ("enabledForReportingButNotEnforced", "access-report-only"),
    ("enabled", "access-on"),
    ("disabled", "access-off"),
];
pub const PLATFORMS: &[Word] = &[
    ("iOS", "access-platform-ios"),
    ("android", "access-platform-android"),
    ("macOS", "access-platform-macos"),
    ("windows", "access-platform-windows"),
    ("linux", "access-platform-linux"),
];
pub const CLIENTS: &[Word] = &[
    ("browser", "access-client-browser"),
    ("mobileAppsAndDesktopClients", "access-client-apps"),
];
pub const CONTROLS: &[Word] = &[
    ("compliantDevice", "access-control-compliant-device"),
    ("compliantApplication", "access-control-app-protection"),
    ("mfa", "access-control-mfa"),
];
const SELECTED: &str = "selected";

/// What can be chosen.
pub struct Offers {
    pub groups: Vec<(String, String)>,
    pub applications: Vec<(String, String)>,
    pub locations: Vec<(String, String)>,
    roles: Vec<(String, String)>,
}

impl Offers {
    pub async fn load(app: &App, caller: &Caller) -> Result<Self> {
        let mut applications: Vec<(String, String)> = Vec::new();
        for (id, name) in gateways::applications(app, caller).await? {
            match applications.iter_mut().find(|(known, _)| *known == id) {
                Some((_, names)) => names.push_str(&format!(", {name}")),
                None => applications.push((id, name)),
            }
        }
        let locations = policies::store::all(app.db.read(), Kind::NamedLocation).await?;
        let roles = AdministratorRole::ALL.iter();
        Ok(Self {
            groups: pages::groups(app, caller).await?,
            applications,
            locations: locations.into_iter().map(|row| (row.id, row.display_name)).collect(),
            roles: roles
                .map(|role| (role.template().to_string(), role.as_str().to_string()))
                .collect(),
        })
    }
}

/// A policy as it stands in the form; users by their principal names.
pub async fn show(app: &App, policy: &ConditionalAccessPolicy) -> Result<Vec<(String, String)>> {
    let mut shown = Shown(Vec::new());
    shown.add("displayName", &policy.display_name);
    shown.add("description", policy.description.as_deref().unwrap_or_default());
    shown.add("state", policy.state);
    let conditions = &policy.conditions;
    let users = conditions.users.clone().unwrap_or_default();
    let everybody = [UserRef::All, UserRef::None, UserRef::GuestsOrExternalUsers];
    let word = users.include_users.iter().find(|user| everybody.contains(user));
    shown.add("who", word.map_or_else(|| SELECTED.to_string(), ToString::to_string));
    shown.add("includeUsers", principals(app, &users.include_users).await?);
    shown.add("excludeUsers", principals(app, &users.exclude_users).await?);
    shown.all("includeGroups", &users.include_groups);
    shown.all("excludeGroups", &users.exclude_groups);
    shown.all("includeRoles", &users.include_roles);
    shown.all("excludeRoles", &users.exclude_roles);
    let applications = conditions.applications.clone().unwrap_or_default();
    let all = applications.include_applications.contains(&ApplicationRef::All);
    shown.add("what", if all { "All" } else { SELECTED });
    let named = |references: &[ApplicationRef]| -> Vec<ApplicationRef> {
        references
            .iter()
            .copied()
            .filter(|one| *one != ApplicationRef::All)
            .collect()
    };
    shown.all("includeApplications", &named(&applications.include_applications));
    shown.all("excludeApplications", &applications.exclude_applications);
    let platforms = conditions.platforms.clone().unwrap_or_default();
    shown.all("includePlatforms", &platforms.include_platforms);
    shown.all("excludePlatforms", &platforms.exclude_platforms);
    let locations = conditions.locations.clone().unwrap_or_default();
    shown.all("includeLocations", &locations.include_locations);
    shown.all("excludeLocations", &locations.exclude_locations);
    shown.all("clientAppTypes", &conditions.client_app_types);
    let filter = conditions
        .devices
        .as_ref()
        .and_then(|devices| devices.device_filter.as_ref());
    shown.add("mode", filter.map(|filter| filter.mode.to_string()).unwrap_or_default());
    shown.add("rule", filter.map(|filter| filter.rule.clone()).unwrap_or_default());
    let grants = policy.grant_controls.clone().unwrap_or_default();
    let blocks = grants.built_in_controls.contains(&GrantControl::Block);
    shown.add("grant", if blocks { "block" } else { "grant" });
    let controls = grants
        .built_in_controls
        .iter()
        .filter(|control| **control != GrantControl::Block);
    shown.all("builtInControls", &controls.copied().collect::<Vec<_>>());
    shown.add("operator", grants.operator);
    Ok(shown.0)
}

struct Shown(Vec<(String, String)>);

impl Shown {
    fn add(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_string(), value.to_string()));
    }

    fn all(&mut self, name: &str, values: &[impl ToString]) {
        values.iter().for_each(|value| self.add(name, value.to_string()));
    }
}

async fn principals(app: &App, references: &[UserRef]) -> Result<String> {
    let mut names = Vec::new();
    for reference in references {
        match reference {
            UserRef::User(id) => {
                let id = id.to_string();
                let user = users::store::find(app.db.read(), &id).await?;
                names.push(user.map_or(id, |user| user.user_principal_name));
            }
            UserRef::GuestsOrExternalUsers => names.push(reference.to_string()),
            UserRef::All | UserRef::None => {}
        }
    }
    Ok(names.join("\n"))
}

/// The steps with what is typed.
pub fn steps(typed: &Fields, offers: &Offers, language: &Language) -> Vec<Step> {
    let mut basics = pages::basics("policy-basics", typed, true, language);
    basics.inputs.push(select(
        "state",
        "access-state",
        "access-state-hint",
        choices(STATES, &typed.all("state"), language),
        language,
    ));
    vec![
        basics,
        users_step(typed, offers, language),
        applications_step(typed, offers, language),
        conditions_step(typed, offers, language),
        grant_step(typed, language),
    ]
}

fn select(
    name: &'static str,
    label: &str,
    hint: &str,
    choices: Vec<pages::form::Choice>,
    language: &Language,
) -> Input {
    Input {
        name,
        label: language.t(label),
        hint: said(hint, language),
        shape: Shape::Select(choices),
    }
}

fn boxes(name: &'static str, label: &str, hint: &str, choices: Vec<pages::form::Choice>, language: &Language) -> Input {
    Input {
        shape: Shape::Boxes(choices),
        ..select(name, label, hint, Vec::new(), language)
    }
}

fn area(name: &'static str, label: &str, hint: &str, typed: &Fields, language: &Language) -> Input {
    Input {
        shape: Shape::Area {
            value: typed.get(name).to_string(),
        },
        ..select(name, label, hint, Vec::new(), language)
    }
}

fn users_step(typed: &Fields, offers: &Offers, language: &Language) -> Step {
    const WHO: &[Word] = &[
        (SELECTED, "access-who-selected"),
        ("All", "policy-assign-all-users"),
        ("GuestsOrExternalUsers", "access-who-guests"),
        ("None", "access-who-none"),
    ];
    let of = |name: &'static str, label: &str, all: &[(String, String)]| {
        boxes(name, label, "", named(all, &typed.all(name)), language)
    };
    Step {
        title: language.t("access-users"),
        text: language.t("access-users-text"),
        inputs: vec![
            select(
                "who",
                "access-who",
                "",
                choices(WHO, &typed.all("who"), language),
                language,
            ),
            area(
                "includeUsers",
                "access-include-users",
                "access-users-hint",
                typed,
                language,
            ),
            of("includeGroups", "policy-assign-included", &offers.groups),
            of("includeRoles", "access-include-roles", &offers.roles),
            area(
                "excludeUsers",
                "access-exclude-users",
                "access-exclude-hint",
                typed,
                language,
            ),
            of("excludeGroups", "policy-assign-excluded", &offers.groups),
            of("excludeRoles", "access-exclude-roles", &offers.roles),
        ],
        ..Step::default()
    }
}

fn applications_step(typed: &Fields, offers: &Offers, language: &Language) -> Step {
    const WHAT: &[Word] = &[(SELECTED, "access-apps-selected"), ("All", "access-apps-all")];
    let of = |name: &'static str, label: &str| {
        boxes(name, label, "", named(&offers.applications, &typed.all(name)), language)
    };
    Step {
        title: language.t("access-apps"),
        text: language.t("access-apps-text"),
        notice: match offers.applications.as_slice() {
            [] => language.t("access-no-gateways"),
            _ => String::new(),
        },
        inputs: vec![
            select(
                "what",
                "access-what",
                "",
                choices(WHAT, &typed.all("what"), language),
                language,
            ),
            of("includeApplications", "access-include-apps"),
            of("excludeApplications", "access-exclude-apps"),
        ],
    }
}

fn conditions_step(typed: &Fields, offers: &Offers, language: &Language) -> Step {
    const MODES: &[Word] = &[
        ("", "choice-not-configured"),
        ("include", "access-filter-include"),
        ("exclude", "access-filter-exclude"),
    ];
    let everywhere = ("All".to_string(), language.t("access-any-location"));
    let trusted = ("AllTrusted".to_string(), language.t("access-trusted"));
    let included: Vec<_> = [everywhere, trusted.clone()]
        .into_iter()
        .chain(offers.locations.iter().cloned())
        .collect();
    let excluded: Vec<_> = [trusted].into_iter().chain(offers.locations.iter().cloned()).collect();
    let words = |name: &'static str, label: &str, hint: &str, words: &[Word]| {
        let mut all: Vec<(String, String)> = Vec::new();
        all.extend(
            words
                .iter()
                .map(|(value, label)| ((*value).to_string(), language.t(label))),
        );
        boxes(name, label, hint, named(&all, &typed.all(name)), language)
    };
    let any = ("all", "choice-any");
    Step {
        title: language.t("access-conditions"),
        text: language.t("access-conditions-text"),
        inputs: vec![
            words(
                "includePlatforms",
                "access-include-platforms",
                "",
                &[&[any], PLATFORMS].concat(),
            ),
            words("excludePlatforms", "access-exclude-platforms", "", PLATFORMS),
            boxes(
                "includeLocations",
                "access-include-locations",
                "",
                named(&included, &typed.all("includeLocations")),
                language,
            ),
            boxes(
                "excludeLocations",
                "access-exclude-locations",
                "",
                named(&excluded, &typed.all("excludeLocations")),
                language,
            ),
            words(
                "clientAppTypes",
                "access-clients",
                "access-clients-hint",
                &[&[any], CLIENTS].concat(),
            ),
            select(
                "mode",
                "access-filter",
                "",
                choices(MODES, &typed.all("mode"), language),
                language,
            ),
            area("rule", "access-rule", "access-rule-hint", typed, language),
        ],
        ..Step::default()
    }
}

fn grant_step(typed: &Fields, language: &Language) -> Step {
    const GRANT: &[Word] = &[("grant", "access-grant-if"), ("block", "access-block")];
    const OPERATORS: &[Word] = &[("AND", "access-require-all"), ("OR", "access-require-one")];
    let all: Vec<_> = CONTROLS
        .iter()
        .map(|(value, label)| ((*value).to_string(), language.t(label)))
        .collect();
    Step {
        title: language.t("access-grant"),
        text: language.t("access-grant-text"),
        inputs: vec![
            select(
                "grant",
                "access-decision",
                "",
                choices(GRANT, &typed.all("grant"), language),
                language,
            ),
            select(
                "operator",
                "access-operator",
                "",
                choices(OPERATORS, &typed.all("operator"), language),
                language,
            ),
            boxes(
                "builtInControls",
                "access-controls",
                "",
                named(&all, &typed.all("builtInControls")),
                language,
            ),
        ],
        ..Step::default()
    }
}

/// What is typed, on top of what the policy has that the form does not show.
pub async fn read(
    app: &App,
    typed: &Fields,
    mut policy: ConditionalAccessPolicy,
    wrong: &mut Wrong,
    language: &Language,
) -> Result<ConditionalAccessPolicy> {
    policy.display_name = typed.get("displayName").trim().to_string();
    policy.description = typed.text("description");
    policy.state = one("state", typed.get("state"))?;
    let mut read = Reader {
        app,
        typed,
        wrong,
        language,
    };
    let conditions = &mut policy.conditions;
    conditions.users = Some(read.users(conditions.users.take().unwrap_or_default()).await?);
    conditions.applications = Some(read.applications(conditions.applications.take().unwrap_or_default())?);
    read.conditions(conditions)?;
    let mut grants = policy.grant_controls.take().unwrap_or_default();
    read.grants(&mut grants)?;
    policy.grant_controls = Some(grants);
    Ok(policy)
}

/// A new policy: it reports before it is enforced.
pub fn fresh() -> ConditionalAccessPolicy {
    ConditionalAccessPolicy {
        display_name: String::new(),
        description: None,
        template_id: None,
        state: PolicyState::ReportOnly,
        conditions: Conditions {
            applications: Some(Applications {
                include_applications: vec![ApplicationRef::All],
                ..Applications::default()
            }),
            users: Some(Users {
                include_users: vec![UserRef::All],
                ..Users::default()
            }),
            ..Conditions::default()
        },
        grant_controls: Some(GrantControls {
            operator: GrantOperator::And,
            built_in_controls: vec![GrantControl::CompliantDevice],
            ..GrantControls::default()
        }),
        session_controls: None,
        other: std::collections::BTreeMap::new(),
    }
}

struct Reader<'a> {
    app: &'a App,
    typed: &'a Fields,
    wrong: &'a mut Wrong,
    language: &'a Language,
}

impl Reader<'_> {
    async fn users(&mut self, mut users: Users) -> Result<Users> {
        users.include_users = match self.typed.get("who") {
            SELECTED => self.people("includeUsers").await?,
            word => vec![one("includeUsers", word)?],
        };
        users.exclude_users = self.people("excludeUsers").await?;
        users.include_groups = self.ids::<GroupId>("includeGroups")?;
        users.exclude_groups = self.ids::<GroupId>("excludeGroups")?;
        users.include_roles = self.ids::<RoleId>("includeRoles")?;
        users.exclude_roles = self.ids::<RoleId>("excludeRoles")?;
        Ok(users)
    }

    /// Users by principal name or id; whom nobody knows is noted.
    async fn people(&mut self, name: &'static str) -> Result<Vec<UserRef>> {
        let mut found = Vec::new();
        for line in lines(self.typed.get(name)) {
            if line == UserRef::GuestsOrExternalUsers.to_string() {
                found.push(UserRef::GuestsOrExternalUsers);
                continue;
            }
            match users::store::find(self.app.db.read(), line).await? {
                Some(user) => found.push(UserRef::User(user.id.parse().map_err(Error::internal)?)),
                None => {
                    let shown: String = line.chars().take(80).collect();
                    self.wrong
                        .add(name, self.language.with("access-wrong-user", [("name", &shown)]));
                }
            }
        }
        Ok(found)
    }

    fn applications(&self, mut applications: Applications) -> Result<Applications> {
        applications.include_applications = match self.typed.get("what") {
            "All" => vec![ApplicationRef::All],
            _ => self.ids("includeApplications")?,
        };
        applications.exclude_applications = self.ids("excludeApplications")?;
        Ok(applications)
    }

    fn conditions(&self, conditions: &mut Conditions) -> Result<()> {
        let mut platforms = conditions.platforms.take().unwrap_or_default();
        platforms.include_platforms = self.ids::<DevicePlatform>("includePlatforms")?;
        platforms.exclude_platforms = self.ids::<DevicePlatform>("excludePlatforms")?;
        let none = platforms.include_platforms.is_empty() && platforms.exclude_platforms.is_empty();
        conditions.platforms = (!none).then_some(platforms);
        let mut locations = conditions.locations.take().unwrap_or_default();
        locations.include_locations = self.ids::<LocationRef>("includeLocations")?;
        locations.exclude_locations = self.ids::<LocationRef>("excludeLocations")?;
        let none = locations.include_locations.is_empty() && locations.exclude_locations.is_empty();
        conditions.locations = (!none).then_some(locations);
        conditions.client_app_types = self.ids::<ClientAppType>("clientAppTypes")?;
        let filter = match self.typed.get("mode") {
            "" => None,
            mode => Some(DeviceFilter {
                mode: one::<FilterMode>("mode", mode)?,
                rule: self.typed.get("rule").trim().to_string(),
                other: std::collections::BTreeMap::new(),
            }),
        };
        conditions.devices = filter.map(|filter| Devices {
            device_filter: Some(filter),
            ..conditions.devices.take().unwrap_or_default()
        });
        Ok(())
    }

    fn grants(&self, grants: &mut GrantControls) -> Result<()> {
        grants.built_in_controls = match self.typed.get("grant") {
            "block" => vec![GrantControl::Block],
            _ => self.ids("builtInControls")?,
        };
        grants.operator = one("operator", self.typed.get("operator"))?;
        Ok(())
    }

    fn ids<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Vec<T>> {
        self.typed.all(name).iter().map(|text| one(name, text)).collect()
    }
}

fn one<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|error| Error::invalid("BadRequest", format!("{name}: {error}")))
}
