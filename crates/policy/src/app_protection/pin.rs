use moat_model::app_protection::{IosAppProtectionSettings, PinCharacterSet};

/// Longest PIN, in characters.
pub const MAX_PIN: usize = 64;

/// As many characters in a row may not repeat or count up or down in a PIN that is not simple.
const SIMPLE_RUN: usize = 3;

/// Why a new PIN will not do: for the user who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinRefused {
    #[error("choose a PIN of at least {0} characters")]
    TooShort(usize),
    #[error("choose a PIN of at most {MAX_PIN} characters")]
    TooLong,
    #[error("use digits only")]
    NotNumeric,
    #[error("use at least one letter or symbol")]
    OnlyDigits,
    #[error("avoid repeated and consecutive characters, such as 111, 123 or cba")]
    TooSimple,
    #[error("choose a PIN that is not one of your last {0}")]
    UsedBefore(u32),
}

/// Whether a new PIN will do.
///
/// `same_as_previous` says which of the user's previous PINs it equals, 1 being the newest; whoever keeps their hashes knows.
/// Simple is what has three characters in a row that are the same or count up or down by one: 1112 and 1235 as much as
/// 1111 and abcd, but not 1122.
///
/// # Errors
/// The first rule that the PIN breaks.
pub fn check_pin(
    pin: &str,
    settings: &IosAppProtectionSettings,
    same_as_previous: Option<u32>,
) -> Result<(), PinRefused> {
    let characters: Vec<char> = pin.chars().collect();
    let least = usize::try_from(settings.minimum_pin_length)
        .unwrap_or(0)
        .clamp(1, MAX_PIN);
    if characters.len() < least {
        return Err(PinRefused::TooShort(least));
    }
    if characters.len() > MAX_PIN {
        return Err(PinRefused::TooLong);
    }
    let only_digits = characters.iter().all(char::is_ascii_digit);
    match settings.pin_character_set {
        PinCharacterSet::Numeric if !only_digits => return Err(PinRefused::NotNumeric),
        PinCharacterSet::AlphanumericAndSymbol if only_digits => return Err(PinRefused::OnlyDigits),
        PinCharacterSet::Numeric | PinCharacterSet::AlphanumericAndSymbol => {}
    }
    if settings.simple_pin_blocked && is_simple(&characters) {
        return Err(PinRefused::TooSimple);
    }
    let blocked = u32::try_from(settings.previous_pin_block_count).unwrap_or(0);
    match same_as_previous {
        Some(index) if index <= blocked => Err(PinRefused::UsedBefore(blocked)),
        _ => Ok(()),
    }
}

fn is_simple(characters: &[char]) -> bool {
    let codes: Vec<i64> = characters
        .iter()
        .map(|character| i64::from(u32::from(character.to_ascii_lowercase())))
        .collect();
    codes.windows(SIMPLE_RUN).any(|run| {
        let mut steps = run.iter().zip(run.iter().skip(1)).map(|(a, b)| b - a);
        let first = steps.next().unwrap_or_default();
        first.abs() <= 1 && steps.all(|step| step == first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(set: PinCharacterSet, simple_pin_blocked: bool) -> IosAppProtectionSettings {
        IosAppProtectionSettings {
            pin_required: true,
            pin_character_set: set,
            simple_pin_blocked,
            previous_pin_block_count: 3,
            ..Default::default()
        }
    }

    #[test]
    fn length_counts_characters() {
        let mut settings = settings(PinCharacterSet::Numeric, false);
        assert_eq!(check_pin("123", &settings, None), Err(PinRefused::TooShort(4)));
        assert_eq!(check_pin("1234", &settings, None), Ok(()));
        assert_eq!(check_pin(&"7".repeat(MAX_PIN), &settings, None), Ok(()));
        assert_eq!(
            check_pin(&"7".repeat(MAX_PIN + 1), &settings, None),
            Err(PinRefused::TooLong)
        );
        settings.pin_character_set = PinCharacterSet::AlphanumericAndSymbol;
        assert_eq!(check_pin("äöü", &settings, None), Err(PinRefused::TooShort(4)));
        for length in [0, -5] {
            settings.minimum_pin_length = length;
            assert_eq!(check_pin("", &settings, None), Err(PinRefused::TooShort(1)));
        }
    }

    #[test]
    fn the_character_set_is_kept() {
        let numeric = settings(PinCharacterSet::Numeric, false);
        assert_eq!(check_pin("12a4", &numeric, None), Err(PinRefused::NotNumeric));
        assert_eq!(check_pin("١٢٣٤", &numeric, None), Err(PinRefused::NotNumeric));
        let passcode = settings(PinCharacterSet::AlphanumericAndSymbol, false);
        assert_eq!(check_pin("1234", &passcode, None), Err(PinRefused::OnlyDigits));
        assert_eq!(check_pin("123!", &passcode, None), Ok(()));
        assert_eq!(check_pin("abcd", &passcode, None), Ok(()));
    }

    #[test]
    fn simple_pins_are_refused_where_blocked() {
        let (numeric, passcode) = (
            settings(PinCharacterSet::Numeric, true),
            settings(PinCharacterSet::AlphanumericAndSymbol, true),
        );
        for pin in ["1234", "1111", "2222", "4321", "1235", "1112", "90123"] {
            assert_eq!(check_pin(pin, &numeric, None), Err(PinRefused::TooSimple), "{pin}");
            assert_eq!(
                check_pin(pin, &settings(PinCharacterSet::Numeric, false), None),
                Ok(()),
                "{pin}"
            );
        }
        for pin in ["1122", "1357", "8901", "2580"] {
            assert_eq!(check_pin(pin, &numeric, None), Ok(()), "{pin}");
        }
        for pin in ["abcd", "aaaa", "aBcd", "dcba", "x!789"] {
            assert_eq!(check_pin(pin, &passcode, None), Err(PinRefused::TooSimple), "{pin}");
        }
        assert_eq!(check_pin("tr0ub4", &passcode, None), Ok(()));
    }

    #[test]
    fn as_many_previous_pins_as_set_may_not_come_back() {
        let settings = settings(PinCharacterSet::Numeric, false);
        assert_eq!(check_pin("2580", &settings, Some(3)), Err(PinRefused::UsedBefore(3)));
        assert_eq!(check_pin("2580", &settings, Some(4)), Ok(()));
    }
}
