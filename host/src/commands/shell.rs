//! What shells and `man` know about this program.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

/// Prints the completions of `program` for a shell.
///
/// # Errors
/// stdout cannot be written.
pub(crate) fn completions(mut program: Command, shell: Shell) -> io::Result<()> {
    let name = program.get_name().to_owned();
    // Written in one piece: the library panics where its reader has gone away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut script);
    io::stdout().lock().write_all(&script)
}

/// Prints the manual page of `program`, its subcommands' options after its own.
///
/// # Errors
/// stdout cannot be written.
pub(crate) fn manual(mut program: Command) -> io::Result<()> {
    program.build();
    let mut out = io::stdout().lock();
    let page = clap_mangen::Man::new(program.clone());
    page.render(&mut out)?;
    let mut path = Vec::new();
    subcommands(&program, &mut path, &mut out)
}

fn subcommands(command: &Command, path: &mut Vec<String>, out: &mut impl Write) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        if subcommand.is_hide_set() || subcommand.get_name() == "help" {
            continue;
        }
        path.push(subcommand.get_name().to_owned());
        writeln!(out, ".SH \"{}\"", path.join(" ").to_uppercase())?;
        let page = clap_mangen::Man::new(subcommand.clone());
        let mut sections = Vec::new();
        page.render_description_section(&mut sections)?;
        page.render_options_section(&mut sections)?;
        // Beneath the subcommand's own heading.
        out.write_all(
            String::from_utf8_lossy(&sections)
                .replace(".SH ", ".SS ")
                .as_bytes(),
        )?;
        subcommands(subcommand, path, out)?;
        path.pop();
    }
    Ok(())
}
