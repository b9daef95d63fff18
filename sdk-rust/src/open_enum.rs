//! Enums of generated code: the values that a document names, and any other that a newer server answers.

/// Declares an enum of strings that stays open: `Active = "active"` is a variant and its name on the wire.
///
/// The variant `Unknown` is added to those that are declared. The enum is read from and written as a string, also by
/// serde, so that a value that is not known goes back as it came.
///
/// ```
/// bitting::open_enum! {
///     /// Whether a device can be reached.
///     pub enum Status {
///         Online = "online",
///         Offline = "offline",
///     }
/// }
///
/// assert_eq!(Status::from("online"), Status::Online);
/// assert_eq!(Status::from("asleep"), Status::Unknown("asleep".to_owned()));
/// assert_eq!(Status::Offline.as_str(), "offline");
/// ```
#[macro_export]
macro_rules! open_enum {
    ($(#[$about:meta])* pub enum $name:ident { $($variant:ident = $value:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $value, "`")] $variant,)*
            /// A value that the document does not name.
            Unknown(::std::string::String),
        }

        impl $name {
            /// Its name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Unknown(value) => value,
                }
            }
        }

        impl ::std::convert::From<&str> for $name {
            fn from(value: &str) -> Self {
                match value {
                    $($value => Self::$variant,)*
                    _ => Self::Unknown(::std::borrow::ToOwned::to_owned(value)),
                }
            }
        }

        impl ::std::convert::From<::std::string::String> for $name {
            fn from(value: ::std::string::String) -> Self {
                Self::from(value.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::convert::Infallible;

            fn from_str(value: &str) -> ::std::result::Result<Self, Self::Err> {
                ::std::result::Result::Ok(Self::from(value))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                <::std::string::String as $crate::serde::Deserialize>::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro declares public enums, which a test has no use for")]
mod tests {
    crate::open_enum! {
        /// An order.
        pub enum Order {
            Ascending = "asc",
            Descending = "desc",
        }
    }

    /// A value that the document does not name is kept and goes back as it came.
    #[test]
    fn what_is_not_known_goes_back_as_it_came() {
        let values: Vec<Order> = serde_json::from_str(r#"["asc", "random"]"#).expect("strings");
        assert_eq!(values, [Order::Ascending, Order::Unknown("random".to_owned())]);
        assert_eq!(serde_json::to_string(&values).expect("strings"), r#"["asc","random"]"#);
        assert_eq!("desc".parse(), Ok(Order::Descending));
        assert_eq!(format!("{:>5}", Order::Ascending), "  asc");
        assert!(serde_json::from_str::<Order>("1").is_err());
    }
}
