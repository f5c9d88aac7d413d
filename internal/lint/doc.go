// Package lint holds sluice's house rules as Go tests; there is nothing to
// import. What enters is the source tree, what leaves is a failing test that
// names the file, the rule and what to do instead.
//
//	imports_test.go       who may import whom; the rooms stay apart
//	dependencies_test.go  each direct dependency is a deliberate line with a reason
//	names_test.go         words that name nothing (see there) name nothing here
//	calls_test.go         no reading of the time past the clocks, no printing, no init
//	shape_test.go         package comments, file sizes, the root folder, host paths
//
// Every .go file of the module is parsed, whatever its build tags say, so that a
// rule also holds for the files of another operating system and of integration
// tests. Exceptions stand in the rules' own lists, each with its reason.
package lint
