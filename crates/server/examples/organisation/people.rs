//! People and their groups.

use anyhow::Result;
use moat_server::{App, now};
use serde_json::json;

use crate::{
    call,
    dice::Dice,
    row,
    rows::{self, Rows},
};

const FIRST: [&str; 24] = [
    "Anna", "Bert", "Carla", "David", "Elif", "Fritz", "Grete", "Hasan", "Ines", "Jürgen", "Kaja", "Luca", "Mia",
    "Noël", "Olga", "Peter", "Qadir", "Rosa", "Søren", "Tom", "Ursula", "Viktor", "Wanda", "Zoë",
];
const LAST: [&str; 20] = [
    "Keller",
    "Meier",
    "O'Brien",
    "Nowak",
    "García",
    "Yılmaz",
    "Schmidt",
    "Rossi",
    "Dubois",
    "Janssen",
    "Müller",
    "Larsen",
    "Kowalski",
    "Silva",
    "Weber",
    "Novák",
    "Popov",
    "Fischer",
    "Lindqvist",
    "Brown",
];
const GROUPS: [&str; 12] = [
    "Staff",
    "Field service",
    "Finance",
    "Board",
    "Pilot",
    "Contractors",
    "IT",
    "Warehouse",
    "Sales",
    "Support",
    "Research",
    "Interns",
];

pub struct People {
    pub users: Vec<User>,
    /// Their ids, in the order of the names above.
    pub groups: Vec<String>,
    /// A way in for emergencies.
    pub emergency: String,
}

pub struct User {
    pub id: String,
    pub first: &'static str,
}

impl People {
    pub fn group(&self, name: &str) -> &str {
        let found = GROUPS.iter().position(|group| *group == name);
        found.map_or("", |n| &self.groups[n])
    }
}

pub async fn fill(app: &App, count: usize, dice: &mut Dice) -> Result<People> {
    let mut people = People {
        users: Vec::with_capacity(count),
        groups: Vec::new(),
        emergency: String::new(),
    };
    for name in GROUPS {
        let group = json!({"displayName": name, "description": format!("People of {name}"), "mailEnabled": false,
            "mailNickname": name.to_lowercase().replace(' ', "-"), "securityEnabled": true});
        let made = call(app, http::Method::POST, "/v1.0/groups", group).await?;
        people.groups.push(made["id"].as_str().unwrap_or_default().into());
    }
    let new = json!({"displayName": "Emergency access", "userPrincipalName": "emergency@corp.example", "accountEnabled": true});
    let made = call(app, http::Method::POST, "/v1.0/users", new).await?;
    people.emergency = made["id"].as_str().unwrap_or_default().into();

    let mut users = Rows::new(
        "users",
        "id, principal_key, user_principal_name, display_name, mail, account_enabled, break_glass, created_at, updated_at, \
         preferred_language",
    );
    let mut members = Rows::new("group_members", "group_id, member_id, kind");
    let at = now().as_micros();
    for n in 0..count {
        let (first, last) = (*dice.pick(&FIRST), *dice.pick(&LAST));
        let id = dice.id();
        let principal = format!("user{n}@corp.example");
        let language = ["de-DE", "en-US", "de-AT", "fr-FR"][n % 4];
        users.push(row![
            id.as_str(),
            principal.as_str(),
            principal.as_str(),
            format!("{first} {last}"),
            principal.as_str(),
            i64::from(!dice.percent(2)),
            0,
            at,
            at,
            language,
        ]);
        members.push(row![people.group("Staff"), id.as_str(), "user"]);
        // Others than all of the staff.
        let other = 1 + dice.below(GROUPS.len() - 1);
        members.push(row![people.groups[other].as_str(), id.as_str(), "user"]);
        people.users.push(User { id, first });
    }
    // A group in a group.
    members.push(row![people.group("Field service"), people.group("Interns"), "group"]);
    rows::write(app, vec![users, members]).await?;
    Ok(people)
}
