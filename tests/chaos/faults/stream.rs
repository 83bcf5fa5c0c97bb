//! What an operator can do to the stream, and to the right to publish to it.

use anyhow::Result;
use serde_json::{Value, json};

use super::Fault;
use crate::random::Random;
use crate::setup::rules;
use crate::world::World;

/// The daemon may not publish.
pub(super) struct Permission;

impl Fault for Permission {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.servers[0].configure(&rules(false));
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.servers[0].configure(&rules(true));
        Ok(())
    }
}

/// The stream takes hardly more than it has.
#[derive(Default)]
pub(super) struct Full {
    settings: Value,
}

impl Fault for Full {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        let info = world.stream_api("INFO", &json!({}))?;
        self.settings = info["config"].clone();
        let mut small = self.settings.clone();
        small["max_bytes"] = json!(info["state"]["bytes"].as_u64().unwrap_or(0) + 16 * 1024);
        world.stream_api("UPDATE", &small)?;
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.stream_api("UPDATE", &self.settings)?;
        Ok(())
    }
}

/// The stream is sealed, so that a copy of it is complete; then it is deleted, and made again at the end
/// unless the daemon has done so.
#[derive(Default)]
pub(super) struct Recreated {
    settings: Value,
}

impl Fault for Recreated {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        self.settings = world.stream_api("INFO", &json!({}))?["config"].clone();
        let mut sealed = self.settings.clone();
        sealed["sealed"] = json!(true);
        world.stream_api("UPDATE", &sealed)?;
        world.copy_stream()?;
        world.stream_api("DELETE", &json!({}))?;
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        if world.stream_api("INFO", &json!({})).is_err() {
            world.stream_api("CREATE", &self.settings)?;
        }
        Ok(())
    }
}
