"""What ``python -m seqexp.compare --help`` prints."""

USAGE = """\
python -m seqexp.compare: who wins, by how much, with what certainty, and why; it reads the runs below runs/

Arguments (key=value)
  a=rnn b=lstm              the two models; or models=rnn,stacked_rnn,lstm for more (default: all that have runs)
  a=lstm models=rnn,gru     each of several models against one: fewer claims to correct for than all pairs
  task=adding               or several: task=adding,copy (default: the only one that has runs)
  experiment=NAME           the task and task settings of conf/experiment/NAME.yaml
  metric=accuracy           any test metric of the runs (default: the task's primary metric)
  match=params              what is equal for both models: params, hidden (units) or seconds (of training)
  stop=never                equal steps: training ends neither by patience nor because the task is solved
  margin=0.01               a smaller difference counts as equivalent, in the metric's units (default: the task's)
  level=0.95                confidence level of intervals and tests
  run=true                  trains new seeds until the test reaches a verdict, or until ...
  max_seeds=20              ... each model has this many seeds
  hydra/launcher=basic      with run=true: one run after the other (default: joblib, as many at once as there are cores)
  sweep=NAME                only runs of this sweep, by the name of its folder in runs/sweeps
  study=NAME,NAME           only runs of these tuning studies' winners, by the names of their files in runs/tuning
  out=folder                where the report goes (default: runs/compare/<tasks>_<models>)
  capsule=FILE verify=true  makes the runs of a comparison's capsule.zip again and checks each score and claim
  plugins=[my.module]       modules of yours that the models and tasks come from
  task.length=50            any other setting of a run: selects the runs; with run=true, new runs use it

Examples
  python -m seqexp.compare a=rnn b=lstm task=adding
  python -m seqexp.compare models=rnn,stacked_rnn,lstm task=sentiment task.gap=10 level=0.99
  python -m seqexp.compare task=adding,copy a=rnn b=lstm
  python -m seqexp.compare run=true a=rnn b=lstm task=adding task.length=50 max_seeds=12

Writes report.html (one file), report.md, report.tex, comparison.csv, runs.csv, figures (SVG, PDF), capsule.zip.
Exit codes: 0 done; 2 an argument is wrong; 1 a run failed (run=true); 130 Ctrl-C: the same command resumes.
"""
