use moat_model::conditional_access::DeviceAttributes;
use proptest::prelude::*;

use super::*;
use crate::conditional_access::Compliance;

fn parse(text: &str) -> Rule {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn phone() -> Device {
    Device {
        compliance: Compliance::InGracePeriod,
        because: Vec::new(),
        enrolled: true,
        attributes: DeviceAttributes {
            display_name: Some("Ada's iPhone".into()),
            model: Some("iPhone 15 Pro".into()),
            operating_system: Some("iOS".into()),
            operating_system_version: Some("18.7.2".into()),
            ownership: Some("Company".into()),
            physical_ids: vec!["[ZTDId]:1".into(), "kiosk".into()],
            extension_attribute15: Some("SAW".into()),
            ..DeviceAttributes::default()
        },
    }
}

#[test]
fn rules_are_judged_on_a_device_and_without_one() {
    for (rule, on_the_phone, without) in [
        (r#"device.deviceOwnership -eq "Company""#, true, false),
        (r#"device.deviceOwnership -ne "Company""#, false, true),
        (r#"device.deviceOwnership -eq "company""#, true, false),
        (r#"device.model -in ["iPhone 14", "iphone 15 pro"]"#, true, false),
        (r#"device.model -notIn ["iPhone 14"]"#, true, true),
        (r#"device.model -startsWith "iPhone""#, true, false),
        (r#"device.model -notStartsWith "iPad""#, true, true),
        (r#"device.operatingSystemVersion -endsWith ".2""#, true, false),
        (r#"device.operatingSystemVersion -notEndsWith ".2""#, false, true),
        (r#"device.displayName -contains "IPHONE""#, true, false),
        (r#"device.displayName -notContains "iPhone""#, false, true),
        (r#"device.displayName -contains """#, true, false),
        (r#"device.physicalIds -contains "kiosk""#, true, false),
        (r#"device.physicalIds -contains "kio""#, false, false),
        (r#"device.systemLabels -notContains "M365Managed""#, true, true),
        (r#"device.extensionAttribute15 -eq "SAW""#, true, false),
        (r#"device.extensionAttribute1 -eq "SAW""#, false, false),
        (r#"device.manufacturer -ne "Apple""#, true, true),
        ("device.isCompliant -eq True", true, false),
        ("device.isCompliant -ne True", false, true),
        ("device.isCompliant -eq False", false, false),
        (r#"-not device.isCompliant -eq True"#, false, true),
        (
            r#"-not (device.model -eq "x" -or device.isCompliant -eq true)"#,
            false,
            true,
        ),
        (
            r#"device.deviceOwnership -eq "Company" -and (device.isCompliant -eq False -or device.model -eq "x")"#,
            false,
            false,
        ),
    ] {
        let rule = parse(rule);
        assert_eq!(rule.matches(Some(&phone())), on_the_phone, "{rule}");
        assert_eq!(rule.matches(None), without, "{rule} without a device");
    }
}

#[test]
fn and_binds_closer_than_or() {
    let model = |text: &str| parse(&format!("device.model -eq \"{text}\""));
    assert_eq!(
        parse(r#"device.model -eq "a" -OR device.model -eq "b" -and device.model -eq "c""#),
        Rule::Or(vec![model("a"), Rule::And(vec![model("b"), model("c")])])
    );
}

#[test]
fn operators_may_come_without_their_hyphen() {
    assert_eq!(
        parse(r#"not device.model eq "a" and device.model notIn ["b"] or device.isCompliant NE true"#),
        parse(r#"-not device.model -eq "a" -and device.model -notIn ["b"] -or device.isCompliant -ne True"#),
    );
}

#[test]
fn quotes_inside_a_text_are_escaped() {
    let rule = parse(r#"device.displayName -eq "a `"b`" ``c""#);
    let text = "a \"b\" `c".to_owned();
    assert_eq!(
        rule,
        Rule::Text(TextProperty::DisplayName, TextTest::Equals(Sign::Is, text))
    );
    assert_eq!(rule.to_string(), r#"device.displayName -eq "a `"b`" ``c""#);
}

#[test]
fn errors_say_what_and_where() {
    for (text, error) in [
        ("", "expected device.… , '(' or -not, not the end at position 0"),
        (
            r#"device.color -eq "red""#,
            "a device has no property \"color\" at position 0",
        ),
        (
            r#"(device.extensionAttribute16 -eq "x")"#,
            "a device has no property \"extensionAttribute16\" at position 1",
        ),
        (
            r#"user.name -eq "x""#,
            "expected device.… , '(' or -not, not \"user.name\" at position 0",
        ),
        (
            "device.model -eq red",
            "expected a text in double quotes, not \"red\" at position 17",
        ),
        (
            r#"device.model -eq "red"#,
            "the text that begins here has no end at position 17",
        ),
        (r#"device.model -eq "a`b""#, "expected \" or ` after ` at position 19"),
        (
            r#"device.model -in "a""#,
            "expected a list such as [\"a\", \"b\"], not a text at position 17",
        ),
        (
            r#"device.model -in ["a" "b"]"#,
            "expected ',' or ']', not a text at position 22",
        ),
        (
            "device.isCompliant -eq \"True\"",
            "expected True or False, not a text at position 23",
        ),
        (
            "device.isCompliant -contains True",
            "expected -eq or -ne, as the property is True or False, not \"-contains\" at position 19",
        ),
        (
            r#"device.physicalIds -eq "x""#,
            "expected -contains or -notContains, as the property is a list, not \"-eq\" at position 19",
        ),
        (
            "device.isCompliant -eq True xor device.isCompliant -eq False",
            "expected -and, -or or the end, not \"xor\" at position 28",
        ),
        (
            "(device.isCompliant -eq True",
            "expected -and, -or or ')', not the end at position 28",
        ),
        ("device.isCompliant = True", "'=' has no meaning here at position 19"),
    ] {
        assert_eq!(text.parse::<Rule>().unwrap_err().to_string(), error, "{text}");
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}device.isCompliant -eq True{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(parse(&nested(16)), parse("device.isCompliant -eq True"));
    assert_eq!(nested(17).parse::<Rule>().unwrap_err().position, 16);
    assert!(
        format!("{}device.isCompliant -eq True", "-not ".repeat(17))
            .parse::<Rule>()
            .is_err()
    );
    let long = format!("device.model -eq \"{}\"", "x".repeat(3072));
    assert!(long.parse::<Rule>().unwrap_err().problem.contains("longer"));
}

fn sign() -> impl Strategy<Value = Sign> {
    prop_oneof![Just(Sign::Is), Just(Sign::IsNot)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c\"` ]{0,4}", "\\PC{0,6}"]
}

fn comparison() -> impl Strategy<Value = Rule> {
    let property = prop_oneof![
        (0..parse::TEXT_PROPERTIES.len()).prop_map(|n| parse::TEXT_PROPERTIES[n].1),
        (1u8..=15).prop_map(TextProperty::ExtensionAttribute),
    ];
    let test = prop_oneof![
        (sign(), text()).prop_map(|(sign, text)| TextTest::Equals(sign, text)),
        (sign(), prop::collection::vec(text(), 1..4)).prop_map(|(sign, texts)| TextTest::In(sign, texts)),
        (sign(), text()).prop_map(|(sign, text)| TextTest::StartsWith(sign, text)),
        (sign(), text()).prop_map(|(sign, text)| TextTest::EndsWith(sign, text)),
        (sign(), text()).prop_map(|(sign, text)| TextTest::Contains(sign, text)),
    ];
    let list = prop_oneof![Just(ListProperty::PhysicalIds), Just(ListProperty::SystemLabels)];
    prop_oneof![
        (property, test).prop_map(|(property, test)| Rule::Text(property, test)),
        (sign(), any::<bool>()).prop_map(|(sign, value)| Rule::Flag(FlagProperty::IsCompliant, sign, value)),
        (list, sign(), text()).prop_map(|(list, sign, text)| Rule::List(list, sign, text)),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    comparison().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::Or),
            inner.prop_map(|rule| Rule::Not(Box::new(rule))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same(rule in rule()) {
        let text = rule.to_string();
        prop_assert_eq!(text.parse::<Rule>(), Ok(rule), "{}", text);
    }

    #[test]
    fn any_text_gives_a_rule_or_an_error(text in "\\PC{0,80}") {
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
        }
    }

    /// Text made of the language's own parts, so that the parser gets far into it.
    #[test]
    fn any_tokens_give_a_rule_or_an_error(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", "[", "]", ",", "\"a\"", "\"", "`", "-and", "-or", "-not", "-eq", "-in", "-contains",
                "device.model", "device.isCompliant", "device.physicalIds", "device.", "device", "True", "é",
            ]),
            0..24,
        )
    ) {
        let text = tokens.join(" ");
        match text.parse::<Rule>() {
            Ok(rule) => prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule)),
            Err(error) => prop_assert!(error.position <= text.len()),
        }
    }

    #[test]
    fn a_negation_holds_where_the_rule_does_not(rule in rule()) {
        let negation = Rule::Not(Box::new(rule.clone()));
        for device in [None, Some(&phone())] {
            prop_assert_ne!(rule.matches(device), negation.matches(device));
        }
    }
}
