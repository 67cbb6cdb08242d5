// gridctl: the deployment's command line. docs/gridctl.md has every verb and the exit codes.
#include "cli/verbs.h"
#include "runtime/version.h"

int main(int argc, char** argv) {
  using namespace gridloop::cli;
  CLI::App app("gridctl: reports, works on and reads back needs. Exit codes: 0 good, 1 refused, 2 usage, 3 directory bad, 4 no answer, 5 not allowed.",
               "gridctl");
  Session::Options options;
  app.add_option("--address", options.address, "the server")->envname("GRIDLOOP_ADDRESS")->capture_default_str();
  // A token on the command line would stand in the list of processes.
  app.add_option("--token-file", options.token_file, "file that holds the token; or GRIDLOOP_TOKEN holds it")->envname("GRIDLOOP_TOKEN_FILE");
  app.add_option("--ca", options.ca, "PEM of the authority that signed the server's certificate: turns TLS on")->envname("GRIDLOOP_CA");
  app.add_option("--certificate", options.certificate, "PEM, where the server asks for one")->envname("GRIDLOOP_CERTIFICATE");
  app.add_option("--key", options.key, "PEM of its key")->envname("GRIDLOOP_KEY");
  app.add_option("-o,--output", options.output, "table, json or yaml")->check(CLI::IsMember({"table", "json", "yaml"}))->capture_default_str();
  app.add_option("--timeout", options.timeout_s, "seconds for one answer")->check(CLI::Range(0.1, 600.0))->capture_default_str();
  app.set_version_flag("--version", std::string("gridctl ") + gridloop::kVersion);
  app.fallthrough();
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);
  if (const char* token = std::getenv("GRIDLOOP_TOKEN"); token != nullptr) options.token = token;

  Session session(options);
  AddReporterVerbs(app, session);
  AddSubmitCsv(app, session);
  AddInboxVerb(app, session);
  AddStationVerbs(app, session);
  AddBranchVerbs(app, session);
  AddElsewhereVerbs(app, session);
  AddDuplicateVerbs(app, session);
  AddClosingVerbs(app, session);
  AddCentreVerbs(app, session);
  AddDirectoryVerbs(app, session);
  AddAuditVerbs(app, session);
  AddNotificationVerbs(app, session);
  AddPlanVerbs(app, session);
  AddFiguresVerbs(app, session);
  AddConfidentialityVerbs(app, session);
  AddToolVerbs(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& ended) {
    return ended.get_exit_code();
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& wrong) {
    app.exit(wrong);
    return kUsage;
  }
  return kGood;
}
