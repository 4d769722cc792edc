//! Builders: for each field of a struct of options a method of its name.

/// `setters!(Options: field(what is given) = what is kept; …)`.
macro_rules! setters {
    ($options:ty: $($field:ident($given:ty) = $kept:expr;)*) => {
        impl $options {
            $(
                #[doc = concat!("The same options with another [`", stringify!($field), "`](#structfield.", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $given) -> Self {
                    self.$field = $kept;
                    self
                }
            )*
        }
    };
}

pub(crate) use setters;
