// Package settings turns a configuration file, the environment and flags into an
// app.Config, and says what is wrong with them in words that can be acted on.
//
// What enters: the name of a YAML file, environment entries, and the text of the
// flags that were given. What leaves: a Settings with every default filled in,
// which remembers where each value came from; or an error with one line for
// each problem, naming file and line, variable or flag.
//
//	flag  >  environment  >  file  >  default
//
// Key a.b_c of the file is SLUICE_A_B_C in the environment. A value that is not a
// plain string is YAML there too, so a list can be given as [a, b]. A key or
// variable that does not exist is never ignored in silence.
//
// Nothing is kept: a Settings belongs to its caller.
package settings
