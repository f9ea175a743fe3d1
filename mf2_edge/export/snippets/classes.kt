/** Calibrated scores by label, 0..1, and for Action Units whether each counts as present. */
data class FaceState(val emotion: Map<String, Double>, val actionUnits: Map<String, UnitState>)

data class UnitState(val score: Double, val present: Boolean)
