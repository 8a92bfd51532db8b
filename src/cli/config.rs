//! `countersign config …`.

use super::args::ConfigCommand;
use super::{Failure, out};
use crate::config::{self, Config, Inputs};

pub(super) fn run(inputs: &Inputs, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Example => out::line(config::example().trim_end()),
        ConfigCommand::Show { json } => {
            let config = Config::load(inputs).map_err(Failure::cannot)?;
            if *json {
                return out::json(&serde_json::to_value(config.show()).map_err(Failure::cannot)?);
            }
            let width = config.show().iter().map(|s| s.key.len()).max().unwrap_or(0);
            for setting in config.show() {
                out::line(&format!("{:width$} = {}  ({})", setting.key, setting.value, setting.source))?;
            }
            Ok(())
        }
    }
}
