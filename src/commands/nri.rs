//! `register nri` and `unregister nri`.

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::exit::Exit;
use crate::register::nri::{Service, has_systemd};

/// Options of both verbs.
#[derive(Debug, Args)]
pub(super) struct Nri {
    /// Print the command and run nothing
    #[arg(long)]
    dry_run: bool,
}

impl Nri {
    pub(super) fn register(&self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        self.exec(
            Service::Enable,
            "have this node's service manager run oci-hostaliases-agent as root, once per node: see \
             oci-hostaliases-agent(8)",
            "containerd 2.x and CRI-O 1.30 and later now run the hook for every new container; no restart is \
             needed (oci-hostaliases doctor shows whether an engine is connected)",
            output,
        )
    }

    pub(super) fn unregister(&self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        self.exec(
            Service::Disable,
            "stop oci-hostaliases-agent and remove it from this node's service manager",
            "new containers no longer get the hook by NRI; running ones keep their files",
            output,
        )
    }

    fn exec(
        &self,
        service: Service,
        without_systemd: &str,
        afterwards: &str,
        output: &mut Output<'_>,
    ) -> Result<Exit, Failure> {
        if !has_systemd() {
            let situation = format!("no systemd runs on this node: {without_systemd}");
            return Err(Failure::new(Exit::System, situation));
        }
        output.print(format!("{}\n", service.command()));
        output.finish()?;
        if self.dry_run {
            output.hint("dry run: nothing was changed");
            return Ok(Exit::Done);
        }
        service.carry_out()?;
        output.hint(afterwards);
        Ok(Exit::Done)
    }
}
