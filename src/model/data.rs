//! Values as data of other code: [`lexpr`] values come out.
//!
//! **Invariants**
//! - What comes out goes in again: see [`Interpreter::model_from_data`](crate::Interpreter::model_from_data).

use super::error::Error;
use crate::symbol::Symbols;
use crate::syntax::lexpr::to_lexpr;
use crate::syntax::{ReadOptions, read};
use crate::walk::{Item, Output};

impl Output {
    /// As data for programs that work on data.
    ///
    /// # Errors
    /// When the value holds a procedure, a record or the like, or no value, or is too large for `lexpr` to drop safely.
    pub fn to_lexpr(&self) -> Result<lexpr::Value, Error> {
        let opaque = |item: &&Item| {
            matches!(
                item,
                Item::Procedure | Item::Unspecified | Item::Opaque { .. }
            )
        };
        if let Some(item) = self.items.iter().find(opaque) {
            let what = match item {
                Item::Procedure => "a procedure",
                Item::Opaque { .. } => "a record, a promise or several values",
                _ => "an unspecified value",
            };
            return Err(Error::Request(format!("{what} cannot be given as data")));
        }
        let mut symbols = Symbols::new();
        let data = read(&self.to_scheme(), &mut symbols, ReadOptions::default())?;
        Ok(to_lexpr(&data, data.roots()[0], &symbols)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bindings, Interpreter, Mode, Workspace};

    #[test]
    fn data_go_in_and_come_out() -> Result<(), Error> {
        let interpreter = Interpreter::embedded();
        let program = [lexpr::sexp!((map (lambda (x) (list x "s")) (quote (1 2.5 z))))];
        let model = interpreter.model_from_data(&program, &Bindings::new(), Mode::Direct)?;
        let value = model.value(&Bindings::new(), &mut Workspace::new())?;
        assert_eq!(value.to_lexpr()?, lexpr::sexp!(((1 "s") (2.5 "s") (z "s"))));
        let procedure = interpreter.model("car")?;
        let value = procedure.value(&Bindings::new(), &mut Workspace::new())?;
        assert!(value.to_lexpr().is_err());
        Ok(())
    }
}
