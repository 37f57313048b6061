use std::fmt;

use moat_model::{DeviceId, conditional_access::RoleId};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Who asks. The text form goes into the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person signed in to the console.
    Administrator {
        id: String,
        name: String,
    },
    /// An API client with a bearer token.
    Client {
        id: String,
        name: String,
    },
    Device(DeviceId),
    /// Whoever may open the data folder on the server itself.
    Local {
        uid: u32,
    },
    /// Moat itself: expiry, silence, resolution.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Administrator { name, .. } => write!(f, "administrator {name}"),
            Self::Client { name, .. } => write!(f, "client {name}"),
            Self::Device(id) => write!(f, "device {id}"),
            Self::Local { uid } => write!(f, "local user {uid}"),
            Self::System => write!(f, "moat"),
        }
    }
}

macro_rules! roles {
    ($($(#[$meta:meta])* $variant:ident => $word:literal),+ $(,)?) => {
        /// An application permission, spelled as the Defender API and Graph spell it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Role { $($(#[$meta])* $variant),+ }

        impl Role {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for Role {
            type Err = Error;

            fn from_str(s: &str) -> Result<Self> {
                $(if s.eq_ignore_ascii_case($word) { return Ok(Self::$variant); })+
                Err(Error::invalid("InvalidInput", format!("role {s:?} is not one of {}", concat!($($word, " "),+))))
            }
        }
    };
}

roles! {
    /// Indicators that the client itself made.
    TiReadWrite => "Ti.ReadWrite",
    TiReadWriteAll => "Ti.ReadWrite.All",
    /// Moat's own: see all indicators, change none.
    TiReadAll => "Ti.Read.All",
    AlertReadAll => "Alert.Read.All",
    AlertReadWriteAll => "Alert.ReadWrite.All",
    MachineReadAll => "Machine.Read.All",
    MachineReadWriteAll => "Machine.ReadWrite.All",
    UrlReadAll => "URL.Read.All",
    UserReadAll => "User.Read.All",
    UserReadWriteAll => "User.ReadWrite.All",
    GroupReadAll => "Group.Read.All",
    GroupReadWriteAll => "Group.ReadWrite.All",
    GroupMemberReadAll => "GroupMember.Read.All",
    GroupMemberReadWriteAll => "GroupMember.ReadWrite.All",
    /// Compliance policies, their assignments and the tenant's settings.
    ConfigurationReadAll => "DeviceManagementConfiguration.Read.All",
    ConfigurationReadWriteAll => "DeviceManagementConfiguration.ReadWrite.All",
    /// App protection policies and registrations.
    AppsReadAll => "DeviceManagementApps.Read.All",
    AppsReadWriteAll => "DeviceManagementApps.ReadWrite.All",
    ManagedDevicesReadAll => "DeviceManagementManagedDevices.Read.All",
    ManagedDevicesReadWriteAll => "DeviceManagementManagedDevices.ReadWrite.All",
    /// Lock, retire, wipe.
    ManagedDevicesPrivilegedAll => "DeviceManagementManagedDevices.PrivilegedOperations.All",
    /// Connectors and notification templates.
    ServiceConfigReadAll => "DeviceManagementServiceConfig.Read.All",
    ServiceConfigReadWriteAll => "DeviceManagementServiceConfig.ReadWrite.All",
    /// A threat-defence partner's heartbeats and threat levels.
    PartnerReport => "Moat.PartnerReport",
    PolicyReadAll => "Policy.Read.All",
    PolicyReadWriteConditionalAccess => "Policy.ReadWrite.ConditionalAccess",
    SecurityAlertReadAll => "SecurityAlert.Read.All",
    SecurityAlertReadWriteAll => "SecurityAlert.ReadWrite.All",
    ThreatAssessmentReadAll => "ThreatAssessment.Read.All",
    ThreatAssessmentReadWriteAll => "ThreatAssessment.ReadWrite.All",
    AuditLogReadAll => "AuditLog.Read.All",
    /// Everything else that an administrator may do: enrolment tokens, clients, gateways, settings.
    MoatAdministrate => "Moat.Administrate",
}

/// What an administrator of the console may do, in Microsoft's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdministratorRole {
    /// Everything.
    Global,
    /// Works on alerts, indicators, reports and devices; changes no policies and no settings.
    SecurityOperator,
    /// Sees what a security operator sees.
    SecurityReader,
    /// Sees devices, users and groups, and asks devices to check in.
    Helpdesk,
}

impl AdministratorRole {
    pub const ALL: &'static [Self] = &[
        Self::Global,
        Self::SecurityOperator,
        Self::SecurityReader,
        Self::Helpdesk,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "Global administrator",
            Self::SecurityOperator => "Security operator",
            Self::SecurityReader => "Security reader",
            Self::Helpdesk => "Helpdesk",
        }
    }

    /// Entra's id of the role, by which conditional access policies name it.
    pub const fn template(self) -> RoleId {
        RoleId(Uuid::from_u128(match self {
            Self::Global => 0x62e9_0394_69f5_4237_9190_0121_7714_5e10,
            Self::SecurityOperator => 0x5f22_22b1_57c3_48ba_8ad5_d475_9f1f_de6f,
            Self::SecurityReader => 0x5d6b_6bb7_de71_4623_b4af_9638_0a35_2509,
            Self::Helpdesk => 0x7298_27e3_9c14_49f7_bb1b_9608_f156_bbb8,
        }))
    }

    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Global => Role::ALL,
            Self::SecurityOperator => &[
                Role::TiReadWriteAll,
                Role::AlertReadWriteAll,
                Role::MachineReadWriteAll,
                Role::UrlReadAll,
                Role::UserReadAll,
                Role::GroupReadAll,
                Role::ConfigurationReadAll,
                Role::AppsReadAll,
                Role::ManagedDevicesReadWriteAll,
                Role::ServiceConfigReadAll,
                Role::PolicyReadAll,
                Role::SecurityAlertReadWriteAll,
                Role::ThreatAssessmentReadWriteAll,
                Role::AuditLogReadAll,
            ],
            Self::SecurityReader => &[
                Role::TiReadAll,
                Role::AlertReadAll,
                Role::MachineReadAll,
                Role::UrlReadAll,
                Role::UserReadAll,
                Role::GroupReadAll,
                Role::ConfigurationReadAll,
                Role::AppsReadAll,
                Role::ManagedDevicesReadAll,
                Role::ServiceConfigReadAll,
                Role::PolicyReadAll,
                Role::SecurityAlertReadAll,
                Role::ThreatAssessmentReadAll,
                Role::AuditLogReadAll,
            ],
            Self::Helpdesk => &[
                Role::MachineReadWriteAll,
                Role::UserReadAll,
                Role::GroupReadAll,
                Role::ManagedDevicesReadWriteAll,
            ],
        }
    }
}

impl std::str::FromStr for AdministratorRole {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|role| role.as_str().eq_ignore_ascii_case(s));
        found.copied().ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|role| role.as_str()).collect();
            let shown: String = s.chars().take(80).collect();
            Error::invalid_field(
                "InvalidInput",
                "role",
                format!(": {shown:?} is not one of {}", words.join(", ")),
            )
        })
    }
}

#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    roles: Vec<Role>,
}

impl Caller {
    pub fn new(actor: Actor, roles: Vec<Role>) -> Self {
        Self { actor, roles }
    }

    /// A caller who may do everything.
    pub fn with_all_roles(actor: Actor) -> Self {
        Self {
            actor,
            roles: Role::ALL.to_vec(),
        }
    }

    pub fn system() -> Self {
        Self::with_all_roles(Actor::System)
    }

    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Fails unless the caller has one of `roles`.
    pub fn require_any(&self, roles: &[Role]) -> Result<()> {
        if roles.iter().any(|role| self.has(*role)) {
            return Ok(());
        }
        let needed: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
        Err(Error::Forbidden(format!(
            "this needs one of the roles {}",
            needed.join(", ")
        )))
    }
}
